import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { JsonObject } from "../src/fields.js";
import { Pipeline } from "../src/pipeline.js";
import type { Offsets } from "../src/post-processors/post-processor.js";
import { RandomTexts } from "./random-texts.js";

/** What Python made of a text, or its error. */
type Attempt<T> = T | { readonly error: string; readonly message: string };

/** Tokenizers of random stages and what Python's `tokenizers` makes of texts: `tools/reference/tokenizer_pieces.py`. */
interface Golden {
  readonly tokens: readonly string[];
  readonly models: Readonly<Record<string, JsonObject>>;
  readonly cases: readonly Case[];
}

interface Case extends JsonObject {
  readonly model: string;
  readonly options: JsonObject;
  readonly seed: number;
  readonly results: readonly (readonly [
    encoded: Attempt<readonly [ids: number[], plain: number[], offsets: number[]]>,
    decoded: readonly Attempt<string>[],
  ])[];
}

const golden: Golden = JSON.parse(
  gunzipSync(readFileSync(new URL("./__fixtures__/pieces.json.gz", import.meta.url))).toString(),
);

/** One in four, and all in `npm run test:long`. */
const EACH = process.env.MIXTAPE_TEST_LONG ? 1 : 4;

const CASES = golden.cases.map((entry, i) => [i, entry] as const).filter(([i]) => i % EACH === 0);

test.each(CASES)("tokenizer %i of random stages", (_, entry) => {
  const { model: name, options, seed, results, ...stages } = entry;
  const model = golden.models[name] as JsonObject;
  const pipeline = new Pipeline({ ...stages, model: model.type === "BPE" ? { ...model, ...options } : model }, "case");
  const texts = new RandomTexts(seed, golden.tokens);
  for (const [encoded, decoded] of results) {
    const text = texts.text();
    const ids = texts.ids(pipeline.maxId + 3);
    // Where Python itself panics, any answer will do but an exception that is not typed.
    if ("error" in encoded) expect(() => encode(pipeline, text, true)).not.toThrow(TypeError);
    else {
      const whole = encode(pipeline, text, true);
      expect([whole.ids, encode(pipeline, text, false).ids, whole.offsets], text).toEqual(encoded);
      expect(pipeline.encode(text, { addSpecialTokens: true, splitSpecialTokens: false, offsets: false }).ids).toEqual(
        whole.ids,
      );
    }
    for (const [i, wanted] of decoded.entries())
      if (typeof wanted === "string") expect(decode(pipeline, ids, i === 1), String(ids)).toBe(wanted);
  }
});

function encode(pipeline: Pipeline, text: string, addSpecialTokens: boolean): { ids: number[]; offsets: number[] } {
  const { ids, offsets } = pipeline.encode(text, { addSpecialTokens, splitSpecialTokens: false, offsets: true });
  const { starts, ends } = offsets as Offsets;
  return { ids: [...ids], offsets: starts.flatMap((start, i) => [start, ends[i] as number]) };
}

function decode(pipeline: Pipeline, ids: readonly number[], skipSpecialTokens: boolean): string {
  const tokens = ids.map((id) => pipeline.tokenOf(id)).filter((token) => token !== undefined);
  return pipeline.decode(tokens.filter((token) => !skipSpecialTokens || !pipeline.added.isSpecial(token)));
}
