import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Tokenizer } from "../../src/index.js";
import { RandomTexts } from "../random-texts.js";

/**
 * Real vocabularies, which are too large to be kept here. `TOKENIZERS` is a folder with one folder for each, and `GOLDEN` one with
 * what `tools/reference/tokenizer_verify.py` wrote of them: hashes of ids, offsets and decoded texts, for blocks of random texts.
 */
interface Golden {
  readonly name: string;
  readonly vocabSize: number;
  readonly seed: number;
  readonly size: number;
  readonly tokens: readonly string[];
  readonly hashes: readonly string[];
}

const { TOKENIZERS: folders = "", GOLDEN: results = "" } = process.env;
const files = existsSync(results) ? readdirSync(results).filter((name) => name.endsWith(".json")) : [];

describe.skipIf(files.length === 0)("real vocabularies agree with Python", () => {
  test.each(files)("%s", async (file) => {
    const golden: Golden = JSON.parse(readFileSync(join(results, file), "utf8"));
    const tokenizer = await Tokenizer.fromFolder(join(folders, golden.name));
    expect(tokenizer.vocabSize).toBe(golden.vocabSize);
    for (const [block, hash] of golden.hashes.entries())
      expect(hashOf(tokenizer, golden, block), `${block}`).toBe(hash);
  });
});

function hashOf(tokenizer: Tokenizer, { seed, size, tokens, vocabSize }: Golden, block: number): string {
  const random = new RandomTexts(seed + block, tokens);
  const hash = createHash("sha256");
  for (let i = 0; i < size; i++) {
    const text = random.text();
    const ids = random.ids(vocabSize + 2);
    const whole = tokenizer.encodeWithOffsets(text);
    expect(tokenizer.encode(text)).toEqual(whole.ids);
    const plain = tokenizer.encode(text, { addSpecialTokens: false });
    const decoded = [whole.ids, ids].flatMap((some) =>
      [false, true].map((skipSpecialTokens) => tokenizer.decode(some, { skipSpecialTokens })),
    );
    hash.update(JSON.stringify([whole.ids, plain, whole.offsets.flat(), decoded]));
  }
  return hash.digest("hex").slice(0, 16);
}
