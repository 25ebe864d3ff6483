import type { Dtype } from "@mixtape/safetensors";
import type { Tensor, Tensor4D } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";

/** Keys `[B, G, S, D]` and values `[B, G, S, Dv]`. */
export type KeyValues = {
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
};

/** Values of {@link KvCacheDtype}. */
export const KV_CACHE_DTYPES = ["auto", "int8"] as const;

/**
 * Storage of a KV cache; the option is called `kv_cache_dtype` in vLLM.
 *
 * - `auto`: float32, or bfloat16 where the engine keeps a bfloat16 checkpoint's keys and values in it.
 * - `int8`: keys and values are rounded to codes of 8 bits, with one float32 scale of each head and position, the largest magnitude
 *   over 127: `D + 4` bytes in place of `4 · D` or `2 · D`.
 */
export type KvCacheDtype = (typeof KV_CACHE_DTYPES)[number];

/** Options of a store. */
export interface KeyValueStoreOptions {
  /** Dtype of the checkpoint: an engine may keep keys and values in it. Default: float32. */
  readonly dtype?: Dtype;
  /** Storage that the caller has chosen. Default: `auto`. */
  readonly kvCacheDtype?: KvCacheDtype;
  /**
   * Keeps keys alone: the first `sharedWidth` elements of each key are its values too, as in the latent attention of DeepSeek.
   * `append` takes keys alone then. Default: keys and values are kept apart.
   */
  readonly sharedWidth?: number;
}

/** New keys, and new values unless they are part of the keys. */
export type AppendedKeyValues = { readonly keys: Tensor4D; readonly values?: Tensor4D | undefined };

/**
 * Contents of a store, as tensors by name: `keys` `[B, G, S, D]`, and `values` `[B, G, S, Dv]` unless they are part of the keys. Those of
 * a store of int8 are int32 codes, beside `keyScales` and `valueScales`, `[B, G, S, 1]`: a number is its code times its scale. Empty for
 * an empty store.
 */
export type KeyValueState = Readonly<Record<string, Tensor>>;

/**
 * Keys and values of one layer, one of each for a position. Each engine may have its own: see `Storage.keyValueStore`.
 *
 * An empty store takes any batch, heads and widths; later positions must have those of the first.
 */
export interface KeyValueStore {
  /** B; 0 while the store is empty. */
  readonly rows: number;
  /** Number of positions, without those that were evicted. */
  readonly length: number;
  /**
   * Appends positions: keys `[B, G, L, D]` and values `[B, G, L, Dv]`, which stay the caller's.
   * @throws {OpsError} if they do not fit the store, which is unchanged then.
   */
  append(added: AppendedKeyValues): void;
  /**
   * Returns all positions, keys `[B, G, length, D]` and values `[B, G, length, Dv]`, to attend to. The tensors belong to the
   * store, or to the `tf.tidy` that it is called in: do not dispose them. They and their clones are valid until the next change.
   * The store must not be empty.
   */
  view(): KeyValues;
  /** Removes the first `count` positions. */
  evict(count: number): void;
  /** Removes the positions from `length` on. No-op if there are no more. */
  truncate(length: number): void;
  /** Replaces row `i` by row `rows[i]`. The number of rows may change. */
  reorder(rows: readonly number[]): void;
  /** Returns copies of the contents, which the caller owns. */
  exportState(): KeyValueState;
  /**
   * Replaces the contents by those of a store of any dtype, rounded or decoded if dtypes differ. The caller keeps the tensors.
   * @throws {OpsError} if they are no contents of a store with these options; the store is empty then.
   */
  importState(state: KeyValueState): void;
  /** Frees the memory. The store is empty afterwards and can be used again. */
  dispose(): void;
}

/**
 * Checks new keys and values.
 * @param held shapes of the keys and values in the store
 * @throws {OpsError} if keys and values do not fit each other, or `[B, G, …, D]` of the store.
 */
export function checkAppended(
  { keys, values }: AppendedKeyValues,
  { sharedWidth }: KeyValueStoreOptions,
  held?: { readonly keys: readonly number[]; readonly values: readonly number[] },
): void {
  const like = (shape: readonly number[], other: readonly number[], axes: readonly number[]): boolean =>
    shape.length === 4 && axes.every((axis) => shape[axis] === other[axis]);
  const { shape } = keys;
  const isShared = sharedWidth !== undefined;
  const valuesFit = isShared
    ? values === undefined && sharedWidth <= (shape[3] ?? 0)
    : values !== undefined && like(values.shape, shape, [0, 1, 2]) && (!held || values.shape[3] === held.values[3]);
  if (like(shape, held?.keys ?? shape, [0, 1, 3]) && valuesFit) return;
  const [b, g, width, valueWidth] = held
    ? [held.keys[0], held.keys[1], held.keys[3], held.values[3]]
    : ["B", "G", isShared ? `D ≥ ${sharedWidth}` : "D", "Dv"];
  throw new OpsError({
    where: "KeyValueStore.append",
    expected: `keys [${b}, ${g}, L, ${width}] and ${isShared ? "no values" : `values [${b}, ${g}, L, ${valueWidth}]`}`,
    got: `[${shape}] and ${values ? `[${values.shape}]` : "no values"}`,
  });
}
