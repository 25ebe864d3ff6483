import type { Cache, CacheState, LayerCacheState } from "@mixtape/layers";
import type { KvCacheDtype } from "@mixtape/ops";
import { type Dtype, openSafetensors, type TensorSource, type TensorView, toFloat32 } from "@mixtape/safetensors";
import { dispose, type Tensor, tensor } from "@tensorflow/tfjs-core";
import { DecoderError } from "../errors.js";
import type { PreTrainedModel } from "../pre-trained-model.js";
import { type CacheOptions, checkCacheOptions } from "./cache-options.js";
import { checkProbe, probe } from "./probe.js";
import { FORMAT } from "./save-cache.js";

/**
 * Loads a cache that `saveCache` wrote, on this engine or another, to continue from it. Dispose it.
 *
 * ```ts
 * const cache = await loadCache(model, "manual.safetensors");
 * ```
 *
 * @param model the model whose cache was saved, with the same weights and adapters
 * @param source a path (Node), a URL, a `Blob`, or bytes
 * @param options as of `createCache`. Default of `kvCacheDtype`: int8 if the saved cache was of it
 * @throws {OptionError} for an unknown option or value
 * @throws {DecoderError} if the file is not a cache of this model: other layers, other weights, or not a cache
 * @throws {LayersError} if its tensors do not fit the layers' caches
 * @throws {SafetensorsFormatError} for a damaged file
 */
export async function loadCache(
  model: PreTrainedModel,
  source: string | URL | Blob | ArrayBuffer | Uint8Array,
  options: CacheOptions = {},
): Promise<Cache> {
  checkCacheOptions("loadCache", options);
  const file = await openSafetensors(source);
  const where = typeof source === "string" || source instanceof URL ? `${source}` : "the saved cache";
  const cache = model.createCache({ kvCacheDtype: savedDtype(file), ...options });
  try {
    checkFormat(file, where, cache);
    const rows = await readRows(file, where, model.config.vocabSize);
    const saved = await valuesOf(file.tensor("probe"), where, ["F32"]);
    checkProbe(saved as Float32Array, await probe(model, rows[0]!.ids), where);
    await importLayers(cache, file, where, rows);
    return cache;
  } catch (error) {
    cache.dispose();
    throw error;
  } finally {
    await file.close();
  }
}

/** Codes of int8 have scales beside them. */
function savedDtype({ names }: TensorSource): KvCacheDtype {
  return names.some((name) => name.endsWith(".keyScales")) ? "int8" : "auto";
}

function checkFormat(file: TensorSource, where: string, cache: Cache): void {
  const { metadata } = file;
  if (metadata.format !== FORMAT)
    throw new DecoderError({
      where,
      expected: `a file of saveCache, of format ${FORMAT}`,
      got: metadata.format ? `format ${metadata.format}` : "another safetensors file",
    });
  const layouts = listOf(metadata.layouts, where, "layouts", isText);
  if (layouts.join() !== cache.layouts.join())
    throw new DecoderError({
      where,
      expected: `a cache of ${cache.layers.length} layers, with ${unique(cache.layouts)}`,
      got: `a cache of ${layouts.length} layers, with ${unique(layouts)}`,
      fix: "It was saved from another model",
    });
  const missing = ["tokens", "probe"].find((name) => !file.has(name));
  if (missing) throw new DecoderError({ where, expected: `a tensor ${missing}`, got: "none" });
}

/** Reads the tokens of the rows. */
async function readRows(file: TensorSource, where: string, vocabSize: number): Promise<CacheState["rows"]> {
  const view = file.tensor("tokens");
  const next = listOf(file.metadata.next_positions, where, "next_positions", isCount);
  const [rows = 0, length = 0] = view.shape;
  if (view.shape.length !== 2 || next.length !== rows || rows === 0)
    throw new DecoderError({
      where: `${where}: tokens`,
      expected: "[B, P], and as many next_positions",
      got: `[${view.shape}] and ${next.length}`,
    });
  const ids = (await valuesOf(view, where, ["I32"])) as Int32Array;
  const outside = ids.find((id) => id < -2 || id >= vocabSize);
  if (outside !== undefined)
    throw new DecoderError({ where: `${where}: tokens`, expected: `ids below ${vocabSize}`, got: `${outside}` });
  return next.map((nextPosition, row) => ({ ids: [...ids.subarray(row * length, (row + 1) * length)], nextPosition }));
}

async function importLayers(cache: Cache, file: TensorSource, where: string, rows: CacheState["rows"]): Promise<void> {
  const lengths = listOf(file.metadata.lengths, where, "lengths", isCount);
  if (lengths.some((length) => length !== rows[0]!.ids.length))
    throw new DecoderError({
      where: `${where}: lengths`,
      expected: `${rows[0]!.ids.length} positions in all layers, one for each token`,
      got: `[${lengths}]`,
    });
  const layers: LayerCacheState[] = [];
  try {
    for (const [i, length] of lengths.entries()) {
      const tensors: Record<string, Tensor> = {};
      layers.push({ length, tensors });
      const prefix = `layers.${i}.`;
      for (const name of file.names.filter((one) => one.startsWith(prefix))) {
        const view = file.tensor(name);
        if (view.shape[0] !== rows.length)
          throw new DecoderError({
            where: `${where}: ${name}`,
            expected: `${rows.length} rows`,
            got: `[${view.shape}]`,
          });
        const values = await valuesOf(view, where);
        const dtype = values instanceof Int32Array ? "int32" : "float32";
        tensors[name.slice(prefix.length)] = tensor(values, [...view.shape], dtype);
      }
    }
    cache.importState({ layers, rows });
  } finally {
    for (const { tensors } of layers) dispose(Object.values(tensors));
  }
}

async function valuesOf(
  view: TensorView,
  where: string,
  dtypes: readonly Dtype[] = ["F32", "BF16", "I32", "I8"],
): Promise<Float32Array | Int32Array> {
  if (!dtypes.includes(view.dtype))
    throw new DecoderError({ where: `${where}: ${view.name}`, expected: dtypes.join(" or "), got: view.dtype });
  const bytes = await view.read();
  if (view.dtype === "I32") return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  if (view.dtype === "I8") return Int32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  return toFloat32(bytes, view.dtype);
}

const isText = (one: unknown): one is string => typeof one === "string";
const isCount = (one: unknown): one is number => Number.isSafeInteger(one) && (one as number) >= 0;

/** Reads a list from the file's metadata. */
function listOf<T>(
  text: string | undefined,
  where: string,
  name: string,
  isItem: (item: unknown) => item is T,
): readonly T[] {
  try {
    const list: unknown = JSON.parse(text ?? "");
    if (Array.isArray(list) && list.every(isItem)) return list;
  } catch {}
  throw new DecoderError({ where: `${where}: ${name} in its metadata`, expected: "a list", got: text ?? "nothing" });
}

function unique(layouts: readonly string[]): string {
  return [...new Set(layouts)].join("; ");
}
