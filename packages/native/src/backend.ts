import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import { type backend_util, type DataType, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { type Buffer32, PRECISIONS, type Precision } from "./addon/handles.js";
import { BufferPool, type Values } from "./buffer-pool.js";
import { keepInfosOnIds, TensorDataById } from "./data-ids.js";
import { breakGraphOnRead } from "./graph-break.js";
import { type ForeignStorage, TensorData } from "./tensor-data.js";

type DataId = object;

/**
 * tfjs backend `native`. Its tensors are arrays, as those of tfjs's cpu backend, whose kernels it inherits where it has none of
 * its own. Weights and caches have foreign storage, which is decoded to arrays only for kernels of tfjs.
 */
export class NativeBackend extends MathBackendCPU {
  /** Precision of products with bfloat16 weights, as the addon takes it. */
  get precision(): number {
    return this.#precision;
  }
  #precision: number;
  #pool = new BufferPool();
  readonly #dataById: TensorDataById;
  /** Outputs of the running kernels, outer ones first; undefined outside of kernels. */
  #made: DataId[] | undefined;

  constructor(precision: Precision) {
    super();
    keepInfosOnIds();
    this.#dataById = new TensorDataById(this);
    this.data = this.#dataById as unknown as typeof this.data;
    this.#precision = PRECISIONS[precision];
  }

  setPrecision(precision: Precision): void {
    this.#precision = PRECISIONS[precision];
  }

  /** Returns the data of a tensor. */
  tensorData({ dataId }: Pick<TensorInfo, "dataId">): TensorData {
    return this.#dataById.get(dataId);
  }

  /** Returns the float32 values of a tensor, for the addon to read. */
  floats(tensor: TensorInfo): Float32Array {
    const data = this.tensorData(tensor);
    const { array } = data;
    // A few kernels of tfjs give a tensor an array of another type.
    return array instanceof Float32Array ? array : Float32Array.from(data.values as Values);
  }

  /** Returns the int32 values of a tensor, for the addon to read. */
  ints(tensor: TensorInfo): Int32Array {
    const data = this.tensorData(tensor);
    const { array } = data;
    return array instanceof Int32Array ? array : Int32Array.from(data.values as Values);
  }

  /** Returns the values of a tensor, for a kernel in JavaScript to read or write. Breaks a graph that is being captured. */
  values(tensor: TensorInfo): Values {
    breakGraphOnRead();
    return this.tensorData(tensor).array;
  }

  /** Returns the values of a float32 or int32 tensor, for strided copies of the addon. */
  buffer32(tensor: TensorInfo): Buffer32 {
    return tensor.dtype === "int32" ? this.ints(tensor) : this.floats(tensor);
  }

  /** Creates a tensor for the addon to fill. Its values are arbitrary until then. */
  output(shape: readonly number[], dtype: "float32" | "int32" | "bool" = "float32"): TensorInfo {
    const numbers = this.#pool.acquire(dtype, util.sizeFromShape(shape as number[]));
    return this.#add(TensorData.ofOwn(numbers, dtype, this.#pool), shape, dtype);
  }

  /** Runs `f` with another buffer pool for outputs. */
  withPool<T>(arrays: BufferPool, f: () => T): T {
    const before = this.#pool;
    this.#pool = arrays;
    try {
      return f();
    } finally {
      this.#pool = before;
    }
  }

  /** Runs a kernel. If it throws, disposes what it created. */
  runKernel<T>(kernel: () => T): T {
    const outer = this.#made;
    const made = outer ?? [];
    const before = made.length;
    this.#made = made;
    try {
      return kernel();
    } catch (error) {
      for (const id of made.slice(before)) this.disposeData(id, true);
      throw error;
    } finally {
      made.length = before;
      this.#made = outer;
    }
  }

  /** Creates a tensor on foreign storage. */
  hold(held: ForeignStorage, shape: readonly number[]): TensorInfo {
    return this.#add(TensorData.ofForeign(held), shape, "float32");
  }

  override write(values: backend_util.BackendValues, _shape: number[], dtype: DataType): DataId {
    return this.#add(TensorData.ofShared(unshared(values), dtype), [], dtype).dataId;
  }

  override move(
    dataId: DataId,
    values: backend_util.BackendValues,
    _shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    this.#dataById.set(dataId, TensorData.ofShared(unshared(values), dtype, refCount));
  }

  override disposeData(dataId: DataId, force = false): boolean {
    // Without `super`, which looks the data up half a dozen times: a decode step disposes a thousand tensors.
    if (!this.data.has(dataId)) return true;
    const data = this.#dataById.get(dataId);
    data.refCount--;
    if (data.refCount > 0 && !force) return false;
    this.data.delete(dataId);
    const parts = data.complexTensorInfos;
    if (parts) for (const part of [parts.real, parts.imag]) this.disposeData(part.dataId, true);
    data.release();
    return true;
  }

  override dispose(): void {
    this.#pool.clear();
    super.dispose();
  }

  #add(data: TensorData, shape: readonly number[], dtype: DataType): TensorInfo {
    const dataId = this.#dataById.add(data);
    this.#made?.push(dataId);
    return { dataId, shape: shape as number[], dtype };
  }
}

/** Returns values that no other thread can change while the addon reads them; the addon takes no others. */
function unshared(values: backend_util.BackendValues | null): backend_util.BackendValues {
  const isShared = ArrayBuffer.isView(values) && values.buffer instanceof SharedArrayBuffer;
  return isShared ? values.slice() : (values as backend_util.BackendValues);
}
