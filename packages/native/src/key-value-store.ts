import {
  type AppendedKeyValues,
  appendNumbers,
  type CodeTensors,
  checkAppended,
  codesOf,
  exportNumbers,
  hostCallback,
  type KeyValueCodes,
  type KeyValueState,
  type KeyValueStore,
  type KeyValueStoreOptions,
  type KeyValues,
} from "@mixtape/ops";
import { dispose, engine, keep, type Tensor4D, type TensorInfo, tensor4d } from "@tensorflow/tfjs-core";
import { KEY_VALUE_DTYPES, type KeyValueDtype, type NativeKeyValues } from "./addon/handles.js";
import { addon } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import { NativeError } from "./errors.js";
import type { ForeignStorage } from "./tensor-data.js";

type Shape = readonly [rows: number, heads: number, length: number, width: number];

/** Options of a store, with its dtype resolved. */
export interface NativeStoreOptions extends Pick<KeyValueStoreOptions, "sharedWidth"> {
  readonly dtype: KeyValueDtype;
}

/** Axes of the stored keys and values, apart from the length. */
interface Layout {
  readonly rows: number;
  readonly heads: number;
  readonly width: number;
  readonly valueWidth: number;
}
const EMPTY: Layout = { rows: 0, heads: 0, width: 0, valueWidth: 0 };

/**
 * Keys and values of a cache in blocks of the addon's memory: an `append` writes once, and moves nothing; blocks that were
 * evicted are freed, and attention reads the others in place. For other kernels the views are float32 tensors, decoded at each
 * use.
 */
export class NativeKeyValueStore implements KeyValueStore {
  readonly #backend: NativeBackend;
  readonly #options: NativeStoreOptions;
  #native: NativeKeyValues | undefined;
  #layout = EMPTY;
  #length = 0;
  #view: KeyValues | undefined;
  #shown: KeyValueView[] = [];

  constructor(backend: NativeBackend, options: NativeStoreOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  get rows(): number {
    return this.#layout.rows;
  }

  get length(): number {
    return this.#length;
  }

  /** Size of all blocks in bytes, used or not. */
  get bytes(): number {
    return this.#native ? addon().keyValueStoreBytes(this.#native) : 0;
  }

  append({ keys, values }: AppendedKeyValues): void {
    checkAppended({ keys, values }, this.#options, this.length > 0 ? this.#shapes() : undefined);
    const [rows, heads, count, width] = keys.shape;
    if (count === 0) return;
    const { dtype, sharedWidth } = this.#options;
    const valueWidth = values?.shape[3] ?? sharedWidth!;
    this.#native ??= addon().createKeyValueStore(KEY_VALUE_DTYPES[dtype]);
    const [k, v] = [this.#backend.floats(keys), values ? this.#backend.floats(values) : null];
    addon().appendKeyValues(this.#native, k, v, rows, heads, count, width, valueWidth);
    hostCallback(() => {
      this.#forgetView();
      this.#layout = { rows, heads, width, valueWidth };
      this.#length += count;
    });
  }

  view(): KeyValues {
    this.#view ??= { keys: this.#tensor("keys"), values: this.#tensor("values") };
    return this.#view;
  }

  evict(count: number): void {
    if (count >= this.length) this.dispose();
    else if (count > 0) {
      this.#forgetView();
      addon().evictKeyValues(this.#native!, count);
      this.#length -= count;
    }
  }

  truncate(length: number): void {
    if (length <= 0) this.dispose();
    else if (length < this.length) {
      this.#forgetView();
      addon().truncateKeyValues(this.#native!, length);
      this.#length = length;
    }
  }

  reorder(rows: readonly number[]): void {
    if (this.length === 0) return;
    this.#forgetView();
    addon().reorderKeyValues(this.#native!, Int32Array.from(rows));
    this.#layout = { ...this.#layout, rows: rows.length };
  }

  exportState(): KeyValueState {
    if (this.#options.dtype !== "I8") return exportNumbers(this, this.#options);
    if (this.length === 0) return {};
    const keys = this.#exportCodes("keys");
    const values = this.#options.sharedWidth === undefined ? this.#exportCodes("values") : undefined;
    return {
      keys: keys.codes,
      keyScales: keys.scales,
      ...(values && { values: values.codes, valueScales: values.scales }),
    };
  }

  importState(state: KeyValueState): void {
    this.dispose();
    const codes = this.#options.dtype === "I8" ? codesOf(state) : undefined;
    if (codes) this.#importCodes(codes);
    else appendNumbers(this, state);
  }

  dispose(): void {
    this.#forgetView();
    if (this.#native) addon().release(this.#native);
    this.#native = undefined;
    this.#layout = EMPTY;
    this.#length = 0;
  }

  #shapes(): Record<keyof KeyValues, Shape> {
    const { rows, heads, width, valueWidth } = this.#layout;
    return { keys: [rows, heads, this.#length, width], values: [rows, heads, this.#length, valueWidth] };
  }

  #exportCodes(which: keyof KeyValues): CodeTensors {
    const [rows, heads, length, width] = this.#shapes()[which];
    const codes = new Int32Array(rows * heads * length * width);
    const scales = new Float32Array(rows * heads * length);
    addon().readKeyValueCodes(codes, scales, this.#native!, which === "values");
    return {
      codes: tensor4d(codes, [rows, heads, length, width], "int32"),
      scales: tensor4d(scales, [rows, heads, length, 1]),
    };
  }

  #importCodes({ keys, values }: KeyValueCodes): void {
    checkAppended({ keys: keys.codes, values: values?.codes }, this.#options);
    const [rows, heads, count, width] = keys.codes.shape;
    if (count === 0) return;
    const valueWidth = values?.codes.shape[3] ?? this.#options.sharedWidth!;
    const native = addon().createKeyValueStore(KEY_VALUE_DTYPES.I8);
    addon().appendKeyValueCodes(
      native,
      this.#backend.ints(keys.codes),
      this.#backend.floats(keys.scales),
      values ? this.#backend.ints(values.codes) : null,
      values ? this.#backend.floats(values.scales) : null,
      rows,
      heads,
      count,
      width,
      valueWidth,
    );
    this.#native = native;
    this.#layout = { rows, heads, width, valueWidth };
    this.#length = count;
  }

  #tensor(which: keyof KeyValues): Tensor4D {
    if (!this.#native)
      throw new NativeError({ where: "KeyValueStore.view", expected: "at least one position", got: "none" });
    const shape = this.#shapes()[which];
    const shown = new KeyValueView(this.#native, which, shape);
    this.#shown.push(shown);
    const info = this.#backend.hold(shown, shape);
    return keep(engine().makeTensorFromTensorInfo(info, this.#backend) as Tensor4D);
  }

  #forgetView(): void {
    if (!this.#view) return;
    // Clones may outlive the view: reading them throws.
    for (const shown of this.#shown) shown.release();
    this.#shown = [];
    dispose([this.#view.keys, this.#view.values]);
    this.#view = undefined;
  }
}

/** Foreign storage of a view of keys or values. */
export class KeyValueView implements ForeignStorage {
  readonly which: keyof KeyValues;
  readonly #size: number;
  #native: NativeKeyValues | undefined;

  constructor(native: NativeKeyValues, which: keyof KeyValues, [rows, heads, length, width]: Shape) {
    this.#native = native;
    this.which = which;
    this.#size = rows * heads * length * width;
  }

  /** @throws {NativeError} if the store has changed since: the viewed positions are gone. */
  get native(): NativeKeyValues {
    if (!this.#native)
      throw new NativeError({
        where: "a view of a KV cache",
        expected: "the cache unchanged",
        got: "a cache that has changed",
        fix: "Take a copy of what is to outlive the next change of a cache",
      });
    return this.#native;
  }

  decode(): Float32Array {
    const values = new Float32Array(this.#size);
    addon().readKeyValues(values, this.native, this.which === "values");
    return values;
  }

  release(): void {
    this.#native = undefined;
  }
}

/** Returns the store whose keys and values two tensors are, if they are views of one. */
export function keyValuesBehind(
  backend: NativeBackend,
  keys: TensorInfo,
  values: TensorInfo,
): NativeKeyValues | undefined {
  const [k, v] = [backend.tensorData(keys).foreign, backend.tensorData(values).foreign];
  const fits = k instanceof KeyValueView && v instanceof KeyValueView && k.which === "keys" && v.which === "values";
  return fits && k.native === v.native ? k.native : undefined;
}
