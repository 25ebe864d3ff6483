import { compileRegex } from "@mixtape/regex";
import { Tokenizer } from "@mixtape/tokenizer";
import { regex } from "../grammar-regex.js";
import { template } from "../grammar-template.js";
import { mutateJson } from "../mutate-json.js";
import type { Random } from "../random.js";
import type { Files, Target } from "../target.js";
import { textOf } from "../target.js";

const FIXTURES = "packages/tokenizer/test/__fixtures__";
const TEXT = "Hello, wörld! 123 don't  stop\n\n中文 😀 <s> </s> aaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/** Tokenizer files that changed, their patterns too; a text is encoded and decoded. */
export const tokenizers: Target = {
  name: "tokenizer files",
  async prepare() {
    const all = ["llama3", "metaspace", "mixtral", "qwen"].map((name) => ({
      tokenizer: textOf(`${FIXTURES}/${name}/tokenizer.json`),
      config: textOf(`${FIXTURES}/${name}/tokenizer_config.json`),
    }));
    // The parts that say most are changed most: vocabularies are long.
    const parts = all.map(({ tokenizer }) => splitVocabulary(tokenizer));
    return {
      make(random): Files {
        const i = random.below(all.length);
        const { rest, model } = parts[i]!;
        const tokenizer = random.chance(0.7)
          ? joinVocabulary(withRegex(mutateJson(rest, random), random), model)
          : mutateJson(all[i]!.tokenizer, random);
        const config = random.chance(0.3) ? mutateJson(all[i]!.config, random) : all[i]!.config;
        return new Map([
          ["tokenizer.json", tokenizer],
          ["tokenizer_config.json", config],
        ]);
      },
      async read(files) {
        const tokenizer = await Tokenizer.fromFiles(files);
        const ids = tokenizer.encode(TEXT);
        tokenizer.decode(ids, { skipSpecialTokens: true });
        const stream = tokenizer.stream();
        for (const id of ids.slice(0, 8)) stream.push(id);
        stream.end();
      },
    };
  },
};

/** Chat templates by their grammar. */
export const templates: Target = {
  name: "templates",
  async prepare() {
    const tokenizer = textOf(`${FIXTURES}/qwen/tokenizer.json`);
    const config = textOf(`${FIXTURES}/qwen/tokenizer_config.json`);
    return {
      make: (random): Files =>
        new Map([
          ["tokenizer.json", tokenizer],
          ["tokenizer_config.json", config],
          ["chat_template.jinja", template(random)],
        ]),
      async read(files) {
        const { "tokenizer.json": json, "chat_template.jinja": chat } = Object.fromEntries(files) as Record<
          string,
          string
        >;
        const made = Tokenizer.fromJSON(tiny(json!), { chat_template: chat });
        made.applyChatTemplate(MESSAGES, { addGenerationPrompt: true });
      },
    };
  },
};

/** Patterns by their grammar, in both syntaxes, on texts that bombs go off on. */
export const regexes: Target = {
  name: "regular expressions",
  async prepare() {
    const texts = ["", "aaab b", "foo.bar_1 é😀\n", "a".repeat(5000), `${"ab ".repeat(2000)}!`];
    return {
      make: (random): Files =>
        new Map([
          ["pattern", regex(random)],
          ["syntax", random.pick(["python", "oniguruma"])],
        ]),
      async read(files) {
        const syntax = files.get("syntax") as "python" | "oniguruma";
        const compiled = compileRegex(files.get("pattern") as string, { syntax });
        for (const text of texts) {
          compiled.search(text);
          compiled.fullMatch(text);
          let count = 0;
          for (const _ of compiled.matchAll(text)) if (++count > 1000) break;
        }
      },
    };
  },
};

const MESSAGES = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "  Hi\n{{ x }} <|im_end|>" },
  { role: "assistant", content: "Hello\u0000" },
  { role: "user", content: "Bye" },
];

/** A tokenizer of one token: templates need no vocabulary. */
function tiny(_: string): object {
  return { model: { type: "BPE", vocab: { a: 0 }, merges: [] }, added_tokens: [] };
}

const MODEL = "@model@";

function splitVocabulary(text: string): { rest: string; model: string } {
  const json = JSON.parse(text) as Record<string, unknown>;
  return { rest: JSON.stringify({ ...json, model: MODEL }), model: JSON.stringify(json.model) };
}

function joinVocabulary(rest: string, model: string): string {
  return rest.replace(`"${MODEL}"`, () => model);
}

/** A pattern of the file in place of another. */
function withRegex(text: string, random: Random): string {
  if (!random.chance(0.4)) return text;
  const pattern = JSON.stringify(regex(random));
  return text.replace(/"Regex":"(?:[^"\\]|\\.)*"/, () => `"Regex":${pattern}`);
}
