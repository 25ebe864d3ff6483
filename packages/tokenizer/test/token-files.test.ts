import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { Tokenizer } from "../src/index.js";
import { type Name, textOf } from "./fixtures.js";
import { RandomTexts } from "./random-texts.js";

/** Folders with files that say this and that, and what AutoTokenizer makes of them: `tools/reference/tokenizer_files.py`. */
interface Golden {
  readonly contents: readonly string[];
  readonly cases: readonly {
    readonly base: Name;
    readonly files: Readonly<Record<string, object>>;
    /** What differs in `tokenizer.json`. */
    readonly tokenizer: object;
    readonly seed: number;
    readonly results: {
      readonly vocabSize: number;
      readonly named: Readonly<Record<string, readonly [token: string | null, id: number | null]>>;
      readonly encoded: readonly (
        | { readonly error: string }
        | readonly [ids: readonly number[], decoded: readonly string[]]
      )[];
    };
  }[];
}

const golden: Golden = JSON.parse(
  gunzipSync(readFileSync(new URL("./__fixtures__/files.json.gz", import.meta.url))).toString(),
);

/** One in five, and all in `npm run test:long`. */
const EACH = process.env.MIXTAPE_TEST_LONG ? 1 : 5;

test.each(golden.cases.map((entry, i) => [i, entry] as const).filter(([i]) => i % EACH === 0))(
  "folder %i is read as by AutoTokenizer",
  async (_, entry) => {
    const { base, files, tokenizer: changes, seed, results } = entry;
    const json = { ...JSON.parse(textOf(base, "tokenizer.json")), ...changes };
    const texts = Object.entries({ "tokenizer.json": json, ...files }).map(([name, value]) => [
      name,
      JSON.stringify(value),
    ]);
    const tokenizer = await Tokenizer.fromFiles(Object.fromEntries(texts));
    expect(tokenizer.vocabSize).toBe(results.vocabSize);
    expect({
      bos_token: [tokenizer.bosToken, tokenizer.bosTokenId],
      eos_token: [tokenizer.eosToken, tokenizer.eosTokenId],
      unk_token: [tokenizer.unkToken, tokenizer.unkTokenId],
      pad_token: [tokenizer.padToken, tokenizer.padTokenId],
    }).toEqual(results.named);
    const random = new RandomTexts(seed, golden.contents);
    for (const wanted of results.encoded) {
      const text = random.text();
      const ids = random.ids(results.vocabSize);
      if ("error" in wanted) {
        expect(() => tokenizer.encode(text)).toThrow(/unk_token: expected a token of the vocabulary/);
        continue;
      }
      const [encoded, decoded] = wanted;
      expect(tokenizer.encode(text), text).toEqual(encoded);
      const all = [encoded, ids].flatMap((some) => [false, true].map((skip) => decode(tokenizer, some, skip)));
      expect(all).toEqual(decoded);
    }
  },
);

/** Decoded at once, and as a stream. */
function decode(tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens: boolean): string {
  const text = tokenizer.decode(ids, { skipSpecialTokens });
  const stream = tokenizer.stream({ skipSpecialTokens });
  expect(ids.map((id) => stream.push(id)).join("") + stream.end()).toBe(text);
  return text;
}
