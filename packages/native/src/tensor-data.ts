import type { backend_util, DataType, TensorInfo } from "@tensorflow/tfjs-core";
import type { BufferPool, Values } from "./buffer-pool.js";
import { breakGraphOnRead } from "./graph-break.js";

/** Foreign storage: values of a tensor in another form than an array, such as a compact weight or the blocks of a cache. */
export interface ForeignStorage {
  /** Decodes the values to float32, row-major. A new array at each call. */
  decode(): Float32Array;
  /** Releases the storage. Called once, when its last tensor is disposed. */
  release(): void;
}

/**
 * Data of the tensors with one data id.
 *
 * tfjs's own kernels read `values`, and may keep that array in another tensor or pass it to a user. So an array that was read
 * there is left to the garbage collector; one that only native kernels saw goes back to its pool.
 */
export class TensorData {
  refCount: number;
  readonly dtype: DataType;
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  #values: backend_util.BackendValues | undefined;
  readonly #foreign: ForeignStorage | undefined;
  /** Pool that the array goes back to; undefined once other code may hold it. */
  #pool: BufferPool | undefined;

  private constructor(
    dtype: DataType,
    values: backend_util.BackendValues | undefined,
    foreign: ForeignStorage | undefined,
    pool: BufferPool | undefined,
    refCount: number,
  ) {
    this.dtype = dtype;
    this.#values = values;
    this.#foreign = foreign;
    this.#pool = pool;
    this.refCount = refCount;
  }

  /** Creates data of values that other code may hold too. */
  static ofShared(values: backend_util.BackendValues | undefined, dtype: DataType, refCount = 1): TensorData {
    return new TensorData(dtype, values, undefined, undefined, refCount);
  }

  /** Creates data of values that only native kernels have seen, in an array of `pool`. */
  static ofOwn(values: Values, dtype: DataType, pool: BufferPool): TensorData {
    return new TensorData(dtype, values, undefined, pool, 1);
  }

  static ofForeign(foreign: ForeignStorage): TensorData {
    return new TensorData("float32", undefined, foreign, undefined, 1);
  }

  /** Values as an array, for tfjs. */
  get values(): backend_util.BackendValues | undefined {
    this.#leavePool();
    return this.#foreign ? this.#foreign.decode() : this.#values;
  }

  set values(values: backend_util.BackendValues | undefined) {
    this.#leavePool();
    this.#values = values;
  }

  /** Array for native kernels, which must not keep it. */
  get array(): Values {
    return (this.#foreign ? this.#foreign.decode() : this.#values) as Values;
  }

  /** Foreign storage, if any. */
  get foreign(): ForeignStorage | undefined {
    return this.#foreign;
  }

  /** Releases the storage. Called when the last tensor on it is disposed. */
  release(): void {
    this.#foreign?.release();
    this.#pool?.release(this.dtype as "float32" | "int32" | "bool", this.#values as Values);
  }

  #leavePool(): void {
    this.#pool?.forget(this.#values as Values);
    this.#pool = undefined;
    breakGraphOnRead();
  }
}
