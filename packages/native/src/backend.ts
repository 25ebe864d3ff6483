import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import { type backend_util, type DataType, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { PRECISIONS, type Precision, type Words } from "./addon.js";
import { Arrays, type Numbers } from "./arrays.js";
import { Bucket, type Held } from "./bucket.js";
import { Buckets, keepInfosOnIds } from "./data-ids.js";
import { seenByJavaScript } from "./obstacle.js";

type DataId = object;

/**
 * The tfjs backend `native`. Its tensors are arrays, as those of tfjs's cpu backend, whose kernels it takes over where it has
 * no own; weights and caches are held in forms of their own, which become arrays only where a kernel of tfjs asks.
 */
export class NativeBackend extends MathBackendCPU {
  /** Whether activations are rounded to bfloat16 before they meet bfloat16 weights, as the addon takes it. */
  get precision(): number {
    return this.#precision;
  }
  #precision: number;
  #arrays = new Arrays();
  readonly #buckets: Buckets;
  /** What the kernels that are running have made, each behind what those around it have; undefined outside of kernels. */
  #made: DataId[] | undefined;

  constructor(precision: Precision) {
    super();
    keepInfosOnIds();
    this.#buckets = new Buckets(this);
    this.data = this.#buckets as unknown as typeof this.data;
    this.#precision = PRECISIONS[precision];
  }

  setPrecision(precision: Precision): void {
    this.#precision = PRECISIONS[precision];
  }

  /** What lies behind a tensor. */
  bucket({ dataId }: Pick<TensorInfo, "dataId">): Bucket {
    return this.#buckets.get(dataId);
  }

  /** The float32 numbers of a tensor, for the addon to read. */
  floats(tensor: TensorInfo): Float32Array {
    const bucket = this.bucket(tensor);
    const { numbers } = bucket;
    // A few kernels of tfjs leave an array of another type behind a tensor.
    return numbers instanceof Float32Array ? numbers : Float32Array.from(bucket.values as Numbers);
  }

  /** The int32 numbers of a tensor, for the addon to read. */
  ints(tensor: TensorInfo): Int32Array {
    const bucket = this.bucket(tensor);
    const { numbers } = bucket;
    return numbers instanceof Int32Array ? numbers : Int32Array.from(bucket.values as Numbers);
  }

  /** The numbers of a tensor, for a kernel in JavaScript to read or write. */
  numbers(tensor: TensorInfo): Numbers {
    seenByJavaScript();
    return this.bucket(tensor).numbers;
  }

  /** The numbers of a float32 or int32 tensor, for the addon to move. */
  words(tensor: TensorInfo): Words {
    return tensor.dtype === "int32" ? this.ints(tensor) : this.floats(tensor);
  }

  /** A new tensor for the addon to fill: there is anything in it. */
  output(shape: readonly number[], dtype: "float32" | "int32" | "bool" = "float32"): TensorInfo {
    const numbers = this.#arrays.take(dtype, util.sizeFromShape(shape as number[]));
    return this.#add(Bucket.ofOwn(numbers, dtype, this.#arrays), shape, dtype);
  }

  /** Runs `f`; the arrays of its outputs come from `arrays`, and go back there. */
  withArrays<T>(arrays: Arrays, f: () => T): T {
    const before = this.#arrays;
    this.#arrays = arrays;
    try {
      return f();
    } finally {
      this.#arrays = before;
    }
  }

  /** Runs a kernel. Where it throws, what it had made is disposed: nobody else knows of it. */
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

  /** A tensor of values that are kept in another form. */
  hold(held: Held, shape: readonly number[]): TensorInfo {
    return this.#add(Bucket.ofHeld(held), shape, "float32");
  }

  override write(values: backend_util.BackendValues, _shape: number[], dtype: DataType): DataId {
    return this.#add(Bucket.ofShared(unshared(values), dtype), [], dtype).dataId;
  }

  override move(
    dataId: DataId,
    values: backend_util.BackendValues,
    _shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    this.#buckets.set(dataId, Bucket.ofShared(unshared(values), dtype, refCount));
  }

  override disposeData(dataId: DataId, force = false): boolean {
    // Not by way of `super`, which looks the bucket up half a dozen times: a decode step disposes of a thousand.
    if (!this.data.has(dataId)) return true;
    const bucket = this.#buckets.get(dataId);
    bucket.refCount--;
    if (bucket.refCount > 0 && !force) return false;
    this.data.delete(dataId);
    const parts = bucket.complexTensorInfos;
    if (parts) for (const part of [parts.real, parts.imag]) this.disposeData(part.dataId, true);
    bucket.release();
    return true;
  }

  override dispose(): void {
    this.#arrays.clear();
    super.dispose();
  }

  #add(bucket: Bucket, shape: readonly number[], dtype: DataType): TensorInfo {
    const dataId = this.#buckets.add(bucket);
    this.#made?.push(dataId);
    return { dataId, shape: shape as number[], dtype };
  }
}

/** Values that no other thread can change while the addon reads them, which takes no others. */
function unshared(values: backend_util.BackendValues | null): backend_util.BackendValues {
  const isShared = ArrayBuffer.isView(values) && values.buffer instanceof SharedArrayBuffer;
  return isShared ? values.slice() : (values as backend_util.BackendValues);
}
