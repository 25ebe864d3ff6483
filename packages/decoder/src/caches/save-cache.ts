import type { Cache } from "@mixtape/layers";
import { type Dtype, encodeSafetensors, fromFloat32, type TensorToWrite, writeSafetensors } from "@mixtape/safetensors";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { DecoderError } from "../errors.js";
import type { PreTrainedModel } from "../pre-trained-model.js";
import { probe } from "./probe.js";

/** Format of a saved cache, in the file's metadata. */
export const FORMAT = "mixtape-cache-1";

/**
 * Saves the cache of a text as a safetensors file (Node), for `loadCache`. A process that is killed during the save
 * leaves either the old file or the new one. Values that bfloat16 represents exactly are saved in it, and codes of int8 in int8.
 *
 * ```ts
 * await saveCache(model, cache, "manual.safetensors");
 * ```
 *
 * @param model the model that filled the cache, with the adapters that it had then
 * @throws {DecoderError} if the cache is empty or of another model, or a layer caches anything but float32 and int32 tensors
 * @throws {SafetensorsWriteError} if the system refuses
 */
export async function saveCache(model: PreTrainedModel, cache: Cache, file: string | URL): Promise<void> {
  await withTensors(model, cache, (tensors, metadata) => writeSafetensors(file, tensors, { metadata }));
}

/** Returns the bytes that {@link saveCache} writes. @throws as {@link saveCache} */
export async function encodeCache(model: PreTrainedModel, cache: Cache): Promise<Uint8Array> {
  return withTensors(model, cache, encodeSafetensors);
}

async function withTensors<T>(
  model: PreTrainedModel,
  cache: Cache,
  write: (tensors: readonly TensorToWrite[], metadata: Record<string, string>) => Promise<T>,
): Promise<T> {
  checkCache(model, cache);
  if (cache.length === 0)
    throw new DecoderError({ where: "saveCache", expected: "a cache with tokens in it", got: "an empty one" });
  const { rows, layers } = cache.exportState();
  try {
    const ids = Int32Array.from(rows.flatMap((row) => row.ids));
    const first = await probe(model, rows[0]!.ids);
    const tensors: TensorToWrite[] = [
      { name: "tokens", dtype: "I32", shape: [rows.length, ids.length / rows.length], bytes: bytesOf(ids) },
      { name: "probe", dtype: "F32", shape: [first.length], bytes: bytesOf(first) },
    ];
    for (const [i, layer] of layers.entries())
      for (const [name, tensor] of Object.entries(layer.tensors))
        tensors.push(await toWrite(`layers.${i}.${name}`, tensor));
    return await write(tensors, {
      format: FORMAT,
      layouts: JSON.stringify(cache.layouts),
      lengths: JSON.stringify(layers.map(({ length }) => length)),
      next_positions: JSON.stringify(rows.map(({ nextPosition }) => nextPosition)),
    });
  } finally {
    for (const { tensors } of layers) dispose(Object.values(tensors));
  }
}

function checkCache(model: PreTrainedModel, cache: Cache): void {
  const isModel = typeof (model as Partial<PreTrainedModel> | undefined)?.createCache === "function";
  const layouts = (cache as Partial<Cache> | undefined)?.layouts;
  if (isModel && layouts && model.createCache().layouts.join() === layouts.join()) return;
  throw new DecoderError({
    where: "saveCache",
    expected: "a model, and a cache from its createCache",
    got: isModel && layouts ? `a cache for ${layouts.length} layers, with ${layouts.join("; ")}` : "something else",
  });
}

async function toWrite(name: string, tensor: Tensor): Promise<TensorToWrite> {
  const { shape } = tensor;
  const values = await tensor.data();
  if (values instanceof Int32Array && tensor.dtype === "int32") {
    const fitsInt8 = values.every((value) => value >= -128 && value <= 127);
    return { name, dtype: fitsInt8 ? "I8" : "I32", shape, bytes: bytesOf(fitsInt8 ? Int8Array.from(values) : values) };
  }
  if (!(values instanceof Float32Array))
    throw new DecoderError({ where: `saveCache: ${name}`, expected: "float32 or int32", got: tensor.dtype });
  const dtype: Dtype = fitsBfloat16(values) ? "BF16" : "F32";
  return { name, dtype, shape, bytes: fromFloat32(values, dtype) };
}

/**
 * Whether bfloat16 represents all values: engines that cache keys and values in a bfloat16 checkpoint's dtype return
 * such numbers.
 */
function fitsBfloat16(values: Float32Array): boolean {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return words.every((word) => (word & 0xffff) === 0);
}

/** @returns a copy: some engines return their own memory. */
function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Int8Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}
