import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Tokenizer } from "../../src/index.js";
import { RandomTexts } from "../random-texts.js";

/**
 * 100,000 texts on real vocabularies, which are too large to be kept here. `VOCABULARIES` is the folder that
 * `tools/reference/vocabulary_sources.py` makes of packages; the fixtures are hashes of the ids, offsets and decoded texts of each
 * thousand texts, from `tools/reference/tokenizer_verify.py`.
 */
interface Golden {
  /** Hash of the tokenizer's files. */
  readonly files: string;
  readonly vocabSize: number;
  readonly seed: number;
  readonly size: number;
  readonly tokens: readonly string[];
  readonly hashes: readonly string[];
}

const { VOCABULARIES: folder = "" } = process.env;
const fixtures = new URL("../__fixtures__/vocabularies/", import.meta.url);

describe.skipIf(!existsSync(join(folder, "texts.json.gz")))("100,000 texts on real vocabularies", () => {
  test.each(readdirSync(fixtures).map((file) => file.slice(0, -".json".length)))("%s", async (name) => {
    const golden: Golden = JSON.parse(readFileSync(new URL(`${name}.json`, fixtures), "utf8"));
    const path = join(folder, "vocabularies", name);
    expect(hashOfFiles(path), "the files that the fixture was made of").toBe(golden.files);
    const tokenizer = await Tokenizer.fromFolder(path);
    expect(tokenizer.vocabSize).toBe(golden.vocabSize);
    const random = new RandomTexts(golden.seed, golden.tokens);
    const texts = textsOf(random);
    const blocks = golden.hashes.map(() => hashOf(tokenizer, golden, random, texts));
    const wrong = blocks.flatMap((hash, block) => (hash === golden.hashes[block] ? [] : [block]));
    expect(wrong, "blocks that differ").toEqual([]);
  });
});

/** The real texts, then random ones; all distinct. */
function* textsOf(random: RandomTexts): Generator<string, never> {
  const real: string[] = JSON.parse(gunzipSync(readFileSync(join(folder, "texts.json.gz"))).toString());
  yield* real;
  const seen = new Set(real);
  for (;;) {
    const text = random.text();
    if (seen.has(text)) continue;
    seen.add(text);
    yield text;
  }
}

function hashOf(tokenizer: Tokenizer, golden: Golden, random: RandomTexts, texts: Iterator<string, never>): string {
  const hash = createHash("sha256");
  for (let i = 0; i < golden.size; i++) {
    const text = texts.next().value;
    const ids = random.ids(golden.vocabSize + 2);
    const whole = tokenizer.encodeWithOffsets(text);
    if (tokenizer.encode(text).join() !== whole.ids.join())
      throw new Error(`other ids with offsets: ${JSON.stringify(text)}`);
    const plain = tokenizer.encode(text, { addSpecialTokens: false });
    const decoded = [whole.ids, ids].flatMap((some) =>
      [false, true].map((skipSpecialTokens) => tokenizer.decode(some, { skipSpecialTokens })),
    );
    hash.update(JSON.stringify([whole.ids, plain, whole.offsets.flat(), decoded]));
  }
  return hash.digest("hex").slice(0, 16);
}

function hashOfFiles(path: string): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(path)
    .filter((name) => name.endsWith(".json"))
    .sort()) {
    hash.update(readFileSync(join(path, file)));
  }
  return hash.digest("hex").slice(0, 16);
}
