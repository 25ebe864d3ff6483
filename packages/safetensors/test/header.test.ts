import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { SafetensorsError, SafetensorsFormatError } from "../src/errors.js";
import { openSafetensors } from "../src/open.js";
import { fileOf, fixture, thrownBy } from "./support.js";

interface CorpusFile {
  readonly name: string;
  readonly file: string;
  readonly official: string | null;
}

const corpus: CorpusFile[] = JSON.parse(await readFile(fixture("corpus.json"), "utf8"));

/** What the official library opens and we do not, and why. Nothing is the other way round. */
const STRICTER: Readonly<Record<string, string>> = {
  "space before": "begins with {",
  "line break before": "begins with {",
  "duplicate name": "twice",
  "duplicate name, other content": "twice",
  "duplicate name, one escaped": "twice",
  "metadata null": "__metadata__",
  "metadata with a duplicate key": "twice",
  "tensor array": "an object",
  "a field too many": "only",
  "a field too many, with a fraction": "plain integers",
  "a field too many, called __proto__": "only",
  "shape 2^53 and a zero": "2^53",
  "shape 2^64 - 1 and a zero": "2^53",
};

test("the corpus holds files of both kinds", () => {
  expect(corpus.filter(({ official }) => official === null).length).toBeGreaterThan(50);
  expect(corpus.filter(({ official }) => official !== null).length).toBeGreaterThan(100);
});

test.each(corpus.map((row) => [row.name, row] as const))("%s", async (name, { file, official }) => {
  const opening = openSafetensors(new Uint8Array(Buffer.from(file, "base64")));
  if (official === null && !(name in STRICTER)) {
    await (await opening).close();
    return;
  }
  const error = await thrownBy(opening);
  expect(error).toBeInstanceOf(SafetensorsFormatError);
  if (name in STRICTER) {
    expect(official).toBeNull();
    expect((error as Error).message).toContain(STRICTER[name]);
  }
});

test("errors say where, what and why", async () => {
  const entry = { dtype: "F32", shape: [2, 2], data_offsets: [0, 12] };
  await expect(openSafetensors(fileOf({ w: entry }, 12))).rejects.toThrow(
    'buffer: tensor "w": expected 16 bytes for F32 [2,2], got 12.',
  );
  const hostile = fileOf({});
  new DataView(hostile.buffer).setBigUint64(0, 2n ** 63n - 1n, true);
  await expect(openSafetensors(new File([hostile], "model.safetensors"))).rejects.toThrow(
    "model.safetensors: expected a header of at most 100000000 bytes, got 9223372036854775807.",
  );
});

test("a long name is cut in messages", async () => {
  const error = await thrownBy(openSafetensors(fileOf({ ["n".repeat(1e6)]: 1 })));
  expect((error as Error).message.length).toBeLessThan(300);
});

test("20 MB of one string, number or nest of brackets end in an error", async () => {
  for (const fill of ["[", "\\", '"', "1", "{", '{"":']) {
    const text = `{"a":${fill.repeat(Math.floor((20e6 - 10) / fill.length))}`;
    expect(await thrownBy(openSafetensors(fileOf(text)))).toBeInstanceOf(SafetensorsFormatError);
  }
});

test("400,000 tensors are refused", async () => {
  const entry = `:{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`;
  const file = fileOf(`{${Array.from({ length: 4e5 }, (_, i) => `"t${i}"${entry}`).join()}}`);
  await expect(openSafetensors(file)).rejects.toThrow("got more than 1200000 keys.");
});

test("10,000 mutated files open or throw a typed error, and nothing is read beyond the file", async () => {
  const random = mulberry32(20_240_601);
  const pick = (n: number) => Math.floor(random() * n);
  const good = corpus.filter(({ official }) => official === null);
  const seeds = [...corpus, ...good, ...good].map(({ file }) => Buffer.from(file, "base64"));
  const tokens = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "0",
    "-",
    "1e9",
    "null",
    "F32",
    "\ud800",
    '"a":',
    "9".repeat(20),
  ];
  let opened = 0;
  let refused = 0;
  for (let round = 0; round < 10_000; round++) {
    let file = Buffer.from(seeds[pick(seeds.length)]!);
    for (let edits = pick(4); edits >= 0; edits--) file = mutate(file);
    // Most files get a right length field, so that the mutation reaches the parser.
    if (file.length >= 8 && pick(4) > 0) file.writeBigUInt64LE(BigInt(file.subarray(8).lastIndexOf("}") + 1));
    const source = {
      size: file.length,
      async read(offset: number, length: number) {
        if (offset < 0 || offset + length > file.length)
          throw new RangeError(`read ${length} at ${offset} of ${file.length}`);
        return new Uint8Array(file.subarray(offset, offset + length));
      },
    };
    try {
      const tensors = await openSafetensors(source);
      for (const name of tensors.names) {
        const view = tensors.tensor(name);
        expect((await view.read()).length).toBe(view.byteLength);
      }
      opened++;
    } catch (error) {
      if (!(error instanceof SafetensorsError))
        throw new Error(`round ${round}: ${JSON.stringify(file.toString("latin1"))}`, { cause: error });
      refused++;
    }
  }
  expect(opened).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(5000);

  function mutate(file: Buffer): Buffer<ArrayBuffer> {
    const at = pick(file.length + 1);
    const rest = (from: number) => file.subarray(from);
    switch (pick(6)) {
      case 0:
        return Buffer.concat([file.subarray(0, at), Buffer.from([pick(256)]), rest(at + 1)]);
      case 1:
        return Buffer.concat([file.subarray(0, at), rest(at + 1 + pick(4))]);
      case 2:
        return Buffer.concat([file.subarray(0, at), Buffer.from(tokens[pick(tokens.length)]!), rest(at)]);
      case 3:
        return Buffer.from(file.subarray(0, at));
      case 4:
        return Buffer.concat([file, Buffer.alloc(pick(9))]);
      default: {
        const digit = [...file.keys()].filter((i) => file[i]! >= 0x30 && file[i]! <= 0x39);
        const copy = Buffer.from(file);
        if (digit.length > 0) copy[digit[pick(digit.length)]!] = 0x30 + pick(10);
        return copy;
      }
    }
  }
});

/** A small seeded generator, so that a failure can be repeated. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
