import { type Tensor4D, tensor4d } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import {
  type AppendedKeyValues,
  checkAppended,
  type KeyValueState,
  type KeyValueStore,
  type KeyValueStoreOptions,
  type KeyValues,
} from "../storage/key-value-store.js";
import { Int8Plane } from "./int8-plane.js";
import { appendNumbers, type CodeTensors, codesOf } from "./key-value-state.js";

type Shape = [rows: number, heads: number, length: number, width: number];

/**
 * Keeps keys and values as int8 codes in memory of JavaScript: for engines that read back tensors at once. A view decodes all
 * positions to tensors of the enclosing `tf.tidy`, so that float32 numbers of one layer exist at a time.
 */
export class Int8KeyValueStore implements KeyValueStore {
  readonly #options: KeyValueStoreOptions;
  #keys: Int8Plane | undefined;
  /** Absent if values are part of the keys. */
  #values: Int8Plane | undefined;

  constructor(options: KeyValueStoreOptions = {}) {
    this.#options = options;
  }

  get rows(): number {
    return this.#keys?.shape.rows ?? 0;
  }

  get length(): number {
    return this.#keys?.length ?? 0;
  }

  /** Bytes of codes and scales, used or not. */
  get bytes(): number {
    return this.#planes.reduce((sum, plane) => sum + plane.bytes, 0);
  }

  append({ keys, values }: AppendedKeyValues): void {
    this.#check({ keys, values });
    const count = keys.shape[2];
    if (count === 0) return;
    this.#keys ??= planeFor(keys);
    this.#keys.append(keys.dataSync() as Float32Array, count);
    if (!values) return;
    this.#values ??= planeFor(values);
    this.#values.append(values.dataSync() as Float32Array, count);
  }

  view(): KeyValues {
    const [keys, values] = [this.#keys!, this.#values];
    const shared = this.#options.sharedWidth;
    return { keys: decoded(keys), values: values ? decoded(values) : decoded(keys, shared) };
  }

  evict(count: number): void {
    if (count >= this.length) this.dispose();
    else if (count > 0) for (const plane of this.#planes) plane.evict(count);
  }

  truncate(length: number): void {
    if (length <= 0) this.dispose();
    else if (length < this.length) for (const plane of this.#planes) plane.truncate(length);
  }

  reorder(rows: readonly number[]): void {
    this.#keys = this.#keys?.reordered(rows);
    this.#values = this.#values?.reordered(rows);
  }

  exportState(): KeyValueState {
    if (!this.#keys) return {};
    const [keys, values] = [exported(this.#keys), this.#values && exported(this.#values)];
    return {
      keys: keys.codes,
      keyScales: keys.scales,
      ...(values && { values: values.codes, valueScales: values.scales }),
    };
  }

  importState(state: KeyValueState): void {
    this.dispose();
    const codes = codesOf(state);
    if (!codes) {
      appendNumbers(this, state);
      return;
    }
    const { keys, values } = codes;
    this.#check({ keys: keys.codes, values: values?.codes });
    if (keys.codes.shape[2] === 0) return;
    [this.#keys, this.#values] = [imported(keys), values && imported(values)];
  }

  dispose(): void {
    this.#keys = undefined;
    this.#values = undefined;
  }

  get #planes(): readonly Int8Plane[] {
    return [this.#keys, this.#values].filter((plane) => plane !== undefined);
  }

  #check(added: AppendedKeyValues): void {
    const { sharedWidth } = this.#options;
    const [keys, values] = [this.#keys, this.#values];
    const held = keys && {
      keys: shapeOf(keys),
      values: values ? shapeOf(values) : shapeOf(keys, sharedWidth),
    };
    checkAppended(added, this.#options, held);
  }
}

function shapeOf({ shape: { rows, heads, width: own }, length }: Int8Plane, width = own): Shape {
  return [rows, heads, length, width];
}

function planeFor({ shape: [rows, heads, , width] }: Tensor4D): Int8Plane {
  return new Int8Plane({ rows, heads, width });
}

function decoded(plane: Int8Plane, width?: number): Tensor4D {
  return tensor4d(plane.decode(width), shapeOf(plane, width));
}

function exported(plane: Int8Plane): CodeTensors {
  const { codes, scales } = plane.export();
  return {
    codes: tensor4d(codes, shapeOf(plane), "int32"),
    scales: tensor4d(scales, shapeOf(plane, 1)),
  };
}

/** @throws {OpsError} for codes that are not of 8 bits */
function imported({ codes, scales }: CodeTensors): Int8Plane {
  const plane = planeFor(codes);
  const numbers = codes.dataSync() as Int32Array;
  const outside = numbers.find((code) => code < -128 || code > 127);
  if (outside !== undefined)
    throw new OpsError({
      where: "KeyValueStore.importState",
      expected: "codes from -128 to 127",
      got: `${outside}`,
    });
  plane.appendCodes(numbers, scales.dataSync() as Float32Array, codes.shape[2]);
  return plane;
}
