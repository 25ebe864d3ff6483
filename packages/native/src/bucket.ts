import type { backend_util, DataType, TensorInfo } from "@tensorflow/tfjs-core";
import type { Arrays, Numbers } from "./arrays.js";
import { seenByJavaScript } from "./obstacle.js";

/** A tensor's values kept in another form than an array: a compact weight, slots of a cache. */
export interface Held {
  /** The values as float32, row-major. Made anew at each call. */
  decode(): Float32Array;
  /** Called once, when the last tensor on it is disposed. */
  release(): void;
}

/**
 * What lies behind the tensors of one dataId.
 *
 * tfjs's own kernels read `values`, and may keep that array in another tensor or hand it to a user. So an array that was read
 * there is left to the garbage collector; one that only native kernels saw is used again.
 */
export class Bucket {
  refCount: number;
  readonly dtype: DataType;
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  #values: backend_util.BackendValues | undefined;
  readonly #held: Held | undefined;
  /** Where the array goes back to; undefined once someone else may hold it. */
  #home: Arrays | undefined;

  private constructor(
    dtype: DataType,
    values: backend_util.BackendValues | undefined,
    held: Held | undefined,
    home: Arrays | undefined,
    refCount: number,
  ) {
    this.dtype = dtype;
    this.#values = values;
    this.#held = held;
    this.#home = home;
    this.refCount = refCount;
  }

  /** Values that someone else may hold too. */
  static ofShared(values: backend_util.BackendValues | undefined, dtype: DataType, refCount = 1): Bucket {
    return new Bucket(dtype, values, undefined, undefined, refCount);
  }

  /** Values that nobody but native kernels has seen, in an array of `home`. */
  static ofOwn(values: Numbers, dtype: DataType, home: Arrays): Bucket {
    return new Bucket(dtype, values, undefined, home, 1);
  }

  static ofHeld(held: Held): Bucket {
    return new Bucket("float32", undefined, held, undefined, 1);
  }

  /** For tfjs: whatever the values are, as an array. */
  get values(): backend_util.BackendValues | undefined {
    this.#leaveHome();
    return this.#held ? this.#held.decode() : this.#values;
  }

  set values(values: backend_util.BackendValues | undefined) {
    this.#leaveHome();
    this.#values = values;
  }

  /** For native kernels: the array, not to be kept. */
  get numbers(): Numbers {
    return (this.#held ? this.#held.decode() : this.#values) as Numbers;
  }

  /** What is kept in another form than an array. */
  get held(): Held | undefined {
    return this.#held;
  }

  /** Frees what it keeps: the last tensor on it is gone. */
  release(): void {
    this.#held?.release();
    this.#home?.give(this.dtype as "float32" | "int32" | "bool", this.#values as Numbers);
  }

  #leaveHome(): void {
    this.#home?.lose(this.#values as Numbers);
    this.#home = undefined;
    seenByJavaScript();
  }
}
