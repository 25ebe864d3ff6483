import { cp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../src/checkpoint.js";
import {
  SafetensorsError,
  SafetensorsFormatError,
  SafetensorsIndexError,
  SafetensorsNotFoundError,
} from "../src/errors.js";
import { toFloat32 } from "../src/to-float32.js";
import { encodeSafetensors } from "../src/write.js";
import { closing, fixture, float32, temporaryFolder, thrownBy } from "./support.js";

const INDEX = "model.safetensors.index.json";
const shards = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
const names = [0, 1, 2].flatMap((layer) => ["k", "q", "v"].map((part) => `layers.${layer}.${part}.weight`));

/** A copy of the sharded checkpoint that the official library wrote. */
async function shardedFolder(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(fixture("sharded"), folder, { recursive: true });
  return folder;
}

async function writeIndex(folder: string, weightMap: unknown): Promise<void> {
  await writeFile(join(folder, INDEX), JSON.stringify({ metadata: { total_size: 1152 }, weight_map: weightMap }));
}

describe("a sharded checkpoint by the official library", () => {
  const contents = async () =>
    new Map(
      await Promise.all(
        [INDEX, ...shards].map(async (name) => [name, await readFile(fixture(`sharded/${name}`))] as const),
      ),
    );
  test.each([
    ["a path", async () => fixture("sharded")],
    ["a file: URL", async () => pathToFileURL(fixture("sharded"))],
    ["a map of bytes", contents],
    ["a map of Blobs", async () => new Map([...(await contents())].map(([name, bytes]) => [name, new Blob([bytes])]))],
    [
      "a map of buffers",
      async () => new Map([...(await contents())].map(([name, bytes]) => [name, new Uint8Array(bytes).buffer])),
    ],
    [
      "a map of URLs",
      async () => new Map([INDEX, ...shards].map((name) => [name, pathToFileURL(fixture(`sharded/${name}`))])),
    ],
  ])("from %s", async (_, source) => {
    const checkpoint = closing(await openCheckpoint(await source()));
    expect(checkpoint.names).toEqual(names);
    expect(checkpoint.metadata).toEqual({ format: "pt" });
    const values = toFloat32(await checkpoint.tensor("layers.1.k.weight").read(), "F32");
    expect(values.length).toBe(32);
    expect(values.every((value) => Math.abs(value) < 5 && value !== 0)).toBe(true);
    expect(() => checkpoint.tensor("layers.3.k.weight")).toThrow('expected one of 9 tensors ("layers.0.k.weight"');
    expect([checkpoint.has("layers.2.v.weight"), checkpoint.has("nope")]).toEqual([true, false]);
  });

  test("an index of many tensors is read, and one of more files than any checkpoint has is refused", async () => {
    const index = (files: number) => {
      const entries = Array.from({ length: 1e5 }, (_, i) => [`t.${i}`, `model-${i % files}.safetensors`]);
      return new Map([[INDEX, new Blob([JSON.stringify({ weight_map: Object.fromEntries(entries) })])]]);
    };
    await expect(openCheckpoint(index(2))).rejects.toThrow(
      "expected every shard of the weight_map to exist, got 2 missing",
    );
    await expect(openCheckpoint(index(1e5))).rejects.toThrow("expected at most 10000 files, got 100000");
  });

  test.each(['":', '" :'])("an index of 400,000 tensors is refused, its keys followed by %s", async (colon) => {
    const entries = Array.from({ length: 4e5 }, (_, i) => `"t${i}${colon}"m.safetensors"`);
    const index = new Blob([`{"weight_map":{${entries.join()}}}`]);
    await expect(openCheckpoint(new Map([[INDEX, index]]))).rejects.toThrow("got more than 300000 keys.");
  });

  test("closes every shard", async () => {
    const checkpoint = await openCheckpoint(fixture("sharded"));
    const views = checkpoint.names.map((name) => checkpoint.tensor(name));
    await checkpoint.close();
    for (const view of views) await expect(view.read()).rejects.toThrow("expected an open source, got a closed one");
  });
});

test("a single file counts before an index", async () => {
  const folder = await shardedFolder();
  await writeFile(join(folder, "model.safetensors"), await encodeSafetensors([float32("single", [1], [1])]));
  expect(closing(await openCheckpoint(folder)).names).toEqual(["single"]);
});

test("metadata is what all shards agree on; the shards say which tensors there are", async () => {
  const a = await encodeSafetensors([float32("a", [1], [1]), float32("extra", [1], [1])], { format: "pt", part: "1" });
  const b = await encodeSafetensors([float32("b", [1], [1])], { format: "pt", part: "2" });
  const index = new TextEncoder().encode(JSON.stringify({ weight_map: { a: "./one", b: "two", lost: "two" } }));
  const checkpoint = closing(
    await openCheckpoint(
      new Map([
        ["one", a],
        ["two", b],
        [INDEX, index],
      ]),
    ),
  );
  expect(checkpoint.metadata).toEqual({ format: "pt" });
  expect(checkpoint.names).toEqual(["a", "extra", "b"]);
  expect(checkpoint.has("lost")).toBe(false);
});

test("of a tensor in two shards the last counts, as in transformers, whatever the index says", async () => {
  const a = await encodeSafetensors([float32("a", [1], [1])]);
  const b = await encodeSafetensors([float32("a", [1], [2]), float32("b", [1], [1])]);
  const index = new TextEncoder().encode(JSON.stringify({ weight_map: { b: "two", a: "one" } }));
  const files = [
    ["two", b],
    ["one", a],
    [INDEX, index],
  ] as const;
  const checkpoint = closing(await openCheckpoint(new Map(files)));
  expect(new Float32Array((await checkpoint.tensor("a").read()).slice().buffer)).toEqual(Float32Array.of(2));
});

describe("refuses", () => {
  test("a folder without weights, and one that is not there", async () => {
    const folder = await temporaryFolder();
    for (const path of [folder, join(folder, "none")]) {
      await expect(openCheckpoint(path)).rejects.toThrow(SafetensorsNotFoundError);
      await expect(openCheckpoint(path)).rejects.toThrow(
        `${path}: expected model.safetensors or ${INDEX}, got neither.`,
      );
    }
    await expect(openCheckpoint(new Map())).rejects.toThrow("the map of files: expected model.safetensors");
    await expect(openCheckpoint(5 as never)).rejects.toThrow(
      "checkpoint: expected a folder, a URL or a map of files, got number.",
    );
  });

  test("missing shards, all of them named", async () => {
    const folder = await shardedFolder();
    await rm(join(folder, shards[0]!));
    await rm(join(folder, shards[2]!));
    const error = await thrownBy(openCheckpoint(folder));
    expect(error).toBeInstanceOf(SafetensorsIndexError);
    expect((error as Error).message).toBe(
      `${join(folder, INDEX)}: expected every shard of the weight_map to exist, ` +
        `got 2 missing: "${shards[0]}", "${shards[2]}". Download the checkpoint again.`,
    );
  });

  test("a link that leads nowhere", async () => {
    const folder = await temporaryFolder();
    await symlink("../../blobs/none", join(folder, "model.safetensors"));
    await expect(openCheckpoint(folder)).rejects.toThrow("model.safetensors is a link to a file that does not exist");
  });

  test("a truncated shard, by its name", async () => {
    const folder = await shardedFolder();
    await truncate(join(folder, shards[1]!), 600);
    await expect(openCheckpoint(folder)).rejects.toThrow(SafetensorsFormatError);
    await expect(openCheckpoint(folder)).rejects.toThrow(
      `${join(folder, shards[1]!)}: expected 384 bytes of tensors, got 336.`,
    );
  });

  test.each(["../model.safetensors", "a/b", "/etc/passwd", "..\\up", "C:x", "..", ".", "", "a\0", 5, null, ["x"]])(
    "a weight_map to %j",
    async (file) => {
      const folder = await shardedFolder();
      await writeIndex(folder, { w: file });
      const error = await thrownBy(openCheckpoint(folder));
      expect(error).toBeInstanceOf(SafetensorsIndexError);
      expect((error as Error).message).toContain(
        'weight_map of "w": expected the name of a file in the same folder, got ',
      );
    },
  );

  test.each([
    ["not JSON", "{", "valid JSON in UTF-8"],
    ["no object", "5", "expected a weight_map from tensor names to file names, got undefined"],
    ["no weight_map", "{}", "got undefined"],
    ["a weight_map of another kind", '{"weight_map":["a"]}', 'got ["a"]'],
    ["a tensor twice", '{"weight_map":{"a":"x","\\u0061":"y"}}', 'got the key "a" twice'],
    ["bad UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), "valid JSON in UTF-8"],
    ["deep nesting", `{"a":${"[".repeat(1e6)}`, "got brackets nested deeper than 64"],
  ])("an index with %s", async (_, index, message) => {
    const folder = await shardedFolder();
    await writeFile(join(folder, INDEX), index);
    await expect(openCheckpoint(folder)).rejects.toThrow(SafetensorsIndexError);
    await expect(openCheckpoint(folder)).rejects.toThrow(message);
  });

  test("1,000 mutated indexes with nothing but typed errors", async () => {
    const index = await readFile(fixture(`sharded/${INDEX}`));
    const files = new Map(
      await Promise.all(
        shards.map(async (name) => [name, new Uint8Array(await readFile(fixture(`sharded/${name}`)))] as const),
      ),
    );
    let refused = 0;
    for (let round = 0; round < 1000; round++) {
      const mutated = new Uint8Array(index);
      mutated[(round * 7919) % index.length] = (round * 31) % 256;
      try {
        await (await openCheckpoint(new Map([...files, [INDEX, mutated]]))).close();
      } catch (error) {
        expect(error).toBeInstanceOf(SafetensorsError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
    expect(refused).toBeLessThan(1000);
  });
});
