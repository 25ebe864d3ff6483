import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Tokenizer } from "../src/index.js";
import { textOf } from "./fixtures.js";

/** When transformers mends the regular expression of Mistral's tokenizers: `tools/reference/tokenizer_mistral_regex.py`. */
interface Golden {
  readonly text: string;
  readonly merges: readonly (readonly [string, string])[];
  readonly cases: readonly {
    readonly size: number;
    readonly config: object;
    readonly model: { readonly model_type?: string } | null;
    readonly pre_tokenizer: object | null;
    readonly ids: readonly number[];
    readonly warns: boolean;
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("./__fixtures__/mistral-regex.json", import.meta.url), "utf8"));

const base = JSON.parse(textOf("qwen", "tokenizer.json"));
const { normalizer, post_processor, decoder } = base;
const rest = JSON.stringify({ version: "1.0", added_tokens: [], normalizer, post_processor, decoder }).slice(1, -1);
const models = new Map<number, string>();

/** The model of the small tokenizer, with more merges, filled up to the size of Mistral's. */
function modelOf(size: number): string {
  const made = models.get(size);
  if (made !== undefined) return made;
  const vocab = { ...base.model.vocab };
  let id = Object.keys(vocab).length;
  for (const [left, right] of golden.merges) vocab[left + right] = id++;
  for (; id < size; id++) vocab[`<|filler ${id}|>`] = id;
  const model = JSON.stringify({ ...base.model, vocab, merges: [...base.model.merges, ...golden.merges] });
  models.set(size, model);
  return model;
}

test.each(golden.cases.map((entry, index) => [index, entry] as const))(
  "fix_mistral_regex, case %i",
  async (_, entry) => {
    const warnings: string[] = [];
    const tokenizer = await Tokenizer.fromFiles(
      {
        "tokenizer.json": `{"model": ${modelOf(entry.size)}, "pre_tokenizer": ${JSON.stringify(entry.pre_tokenizer)}, ${rest}}`,
        "tokenizer_config.json": JSON.stringify(entry.config),
        ...(entry.model && { "config.json": JSON.stringify(entry.model) }),
      },
      { onWarning: (message) => warnings.push(message) },
    );
    expect(tokenizer.encode(golden.text, { addSpecialTokens: false })).toEqual(entry.ids);
    // transformers warns of any model whose config has no version; here, only models of Mistral's are told so.
    const warns = entry.warns && entry.model?.model_type === "mistral";
    expect(warnings).toEqual(warns ? [expect.stringContaining('"fix_mistral_regex": true')] : []);
  },
);
