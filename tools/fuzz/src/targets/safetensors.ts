import { bytesPerElement, openCheckpoint, openSafetensors, type TensorSource, toFloat32 } from "@mixtape/safetensors";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateJson } from "../mutate-json.js";
import type { Random } from "../random.js";
import { fileOf } from "../safetensors-file.js";
import { asBytes, bytesOf, type Files, type Target, textOf } from "../target.js";

const FOLDER = "packages/testing/__fixtures__/models/mixtral";
/** Number of tensors to read; more would add nothing. */
const TENSORS = 4;
/** Fraction of indices that are long: they take a thousand times as long as the others. */
const LONG = 1 / 2000;

/** Files with mutated bytes, or a mutated header. */
export const safetensors: Target = {
  name: "safetensors",
  async prepare() {
    const whole = bytesOf(`${FOLDER}/basic/model.safetensors`);
    const small = smallFile(whole);
    return {
      make(random) {
        const bytes = random.chance(0.4) ? mutateBytes(small, random) : withHeader(small, random);
        return new Map([["model.safetensors", bytes]]);
      },
      async read(files) {
        const file = await openSafetensors(asBytes(files).get("model.safetensors")!);
        await readSome(file);
      },
    };
  },
};

/** A mutated index of shards, beside unchanged shards. */
export const index: Target = {
  name: "index",
  async prepare() {
    const folder = `${FOLDER}/basic-sharded`;
    const shards = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
    const others = shards.map((name) => [name, bytesOf(`${folder}/${name}`)] as const);
    const text = textOf(`${folder}/model.safetensors.index.json`);
    return {
      make: (random): Files =>
        new Map<string, string | Uint8Array>([
          ["model.safetensors.index.json", random.chance(LONG) ? longIndex(text, random) : mutateJson(text, random)],
          ...others,
        ]),
      async read(files) {
        await readSome(await openCheckpoint(asBytes(files)));
      },
    };
  },
};

/**
 * Returns an index with up to a million more entries. Most name tensors that no shard has, the rest name missing
 * shards.
 */
function longIndex(text: string, random: Random): string {
  const { weight_map, ...rest } = JSON.parse(text) as { weight_map: Record<string, string> };
  const shards = Object.values(weight_map);
  const count = random.pick([10_000, 100_000, 100_000, 1_000_000]);
  const areThere = random.chance(0.7);
  for (let i = 0; i < count; i++)
    weight_map[`model.layers.${i}.weight`] = areThere ? shards[i % shards.length]! : `model-${i}.safetensors`;
  return JSON.stringify({ ...rest, weight_map });
}

async function readSome(file: TensorSource): Promise<void> {
  try {
    for (const name of file.names.slice(0, TENSORS)) {
      const view = file.tensor(name);
      const bytes = await view.read();
      if (bytesPerElement(view.dtype) >= 1) toFloat32(bytes, view.dtype);
      if (view.shape[0]! > 1) await view.slice(0, 1).read();
    }
  } finally {
    await file.close();
  }
}

/** Returns the first two tensors of a file. */
function smallFile(bytes: Uint8Array): Uint8Array {
  const { header, data } = headerOf(bytes);
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  const first = entries.sort(([, a], [, b]) => a.data_offsets[0]! - b.data_offsets[0]!).slice(0, 2);
  const end = Math.max(...first.map(([, { data_offsets }]) => data_offsets[1]!));
  return fileOf(JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(first) }), data.slice(0, end));
}

function withHeader(bytes: Uint8Array, random: Random): Uint8Array {
  const { text, data } = headerOf(bytes);
  return fileOf(mutateJson(text, random), data);
}

interface Header {
  readonly [name: string]: { readonly data_offsets: readonly number[] };
}

/** Splits a file into its header and the bytes after it. */
export function headerOf(bytes: Uint8Array): { text: string; header: Header; data: Uint8Array } {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  return { text, header: JSON.parse(text) as Header, data: bytes.subarray(8 + length) };
}
