import { Tokenizer } from "@mixtape/tokenizer";
import { regex } from "../grammar-regex.js";
import { tokenizerJson } from "../grammar-tokenizer.js";
import { mutateJson } from "../mutate-json.js";
import type { Random } from "../random.js";
import type { Files, Target } from "../target.js";
import { textOf } from "../target.js";

const FIXTURES = "packages/tokenizer/test/__fixtures__";
const TEXTS = [
  "Hello, wörld! 123 don't  stop\n\n中文 😀 <s> </s> e\u0301 ﬁ \u0000\u200b\ufeff",
  "a".repeat(500),
  `${" ".repeat(100)}\n${"ab ".repeat(60)}`,
  "",
];

/** Mutated tokenizer files, with their patterns, and generated ones; texts are encoded and decoded. */
export const tokenizers: Target = {
  name: "tokenizer files",
  async prepare() {
    const all = ["llama3", "metaspace", "mixtral", "qwen"].map((name) => ({
      tokenizer: textOf(`${FIXTURES}/${name}/tokenizer.json`),
      config: textOf(`${FIXTURES}/${name}/tokenizer_config.json`),
    }));
    // The most meaningful parts are mutated most: vocabularies are long.
    const parts = all.map(({ tokenizer }) => splitVocabulary(tokenizer));
    return {
      make(random): Files {
        if (random.chance(0.5)) {
          const made = tokenizerJson(random);
          return new Map([["tokenizer.json", random.chance(0.3) ? mutateJson(made, random) : made]]);
        }
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
        for (const text of TEXTS) {
          const { ids } = tokenizer.encodeWithOffsets(text);
          tokenizer.decode(ids, { skipSpecialTokens: true });
          const stream = tokenizer.stream();
          for (const id of ids.slice(0, 20)) stream.push(id);
          stream.end();
        }
      },
    };
  },
};

const MODEL = "@model@";

function splitVocabulary(text: string): { rest: string; model: string } {
  const json = JSON.parse(text) as Record<string, unknown>;
  return { rest: JSON.stringify({ ...json, model: MODEL }), model: JSON.stringify(json.model) };
}

function joinVocabulary(rest: string, model: string): string {
  return rest.replace(`"${MODEL}"`, () => model);
}

/** Replaces a pattern of the file. */
function withRegex(text: string, random: Random): string {
  if (!random.chance(0.4)) return text;
  const pattern = JSON.stringify(regex(random));
  return text.replace(/"Regex":"(?:[^"\\]|\\.)*"/, () => `"Regex":${pattern}`);
}
