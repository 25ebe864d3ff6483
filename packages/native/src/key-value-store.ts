import {
  type AppendedKeyValues,
  checkAppended,
  hostCallback,
  type KeyValueStore,
  type KeyValueStoreOptions,
  type KeyValues,
} from "@mixtape/ops";
import { dispose, engine, keep, type Tensor4D, type TensorInfo } from "@tensorflow/tfjs-core";
import { addon, DTYPES, type NativeSlotsHandle } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import type { Held } from "./bucket.js";
import { NativeError } from "./errors.js";

type Shape = readonly [rows: number, heads: number, length: number, width: number];

/** What keys and values are kept as. */
export type KeyValueDtype = "F32" | "BF16";

/** Options of a store, its dtype settled. */
export interface NativeStoreOptions extends KeyValueStoreOptions {
  readonly dtype: KeyValueDtype;
}

/** The axes of what is stored, apart from its length. */
interface Layout {
  readonly rows: number;
  readonly heads: number;
  readonly width: number;
  readonly valueWidth: number;
}
const EMPTY: Layout = { rows: 0, heads: 0, width: 0, valueWidth: 0 };

/**
 * Keys and values of a cache in blocks of the addon's memory: what is added is written once and never moved, blocks that slid out
 * are freed, and attention reads them where they lie. To other kernels the views are float32 tensors, decoded at each use.
 */
export class NativeKeyValueStore implements KeyValueStore {
  readonly #backend: NativeBackend;
  readonly #options: NativeStoreOptions;
  #native: NativeSlotsHandle | undefined;
  #layout = EMPTY;
  #length = 0;
  #view: KeyValues | undefined;
  #shown: SlotsView[] = [];

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

  /** How many bytes all blocks take, whatever part of them is in use. */
  get bytes(): number {
    return this.#native ? addon().bytesOfSlots(this.#native) : 0;
  }

  append({ keys, values }: AppendedKeyValues): void {
    checkAppended({ keys, values }, this.#options, this.length > 0 ? this.#shapes() : undefined);
    const [rows, heads, count, width] = keys.shape;
    if (count === 0) return;
    const { dtype, sharedWidth } = this.#options;
    const valueWidth = values?.shape[3] ?? sharedWidth!;
    this.#native ??= addon().createSlots(DTYPES[dtype]);
    const [k, v] = [this.#backend.floats(keys), values ? this.#backend.floats(values) : null];
    addon().appendSlots(this.#native, k, v, rows, heads, count, width, valueWidth);
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
      addon().dropFirstSlots(this.#native!, count);
      this.#length -= count;
    }
  }

  truncate(length: number): void {
    if (length <= 0) this.dispose();
    else if (length < this.length) {
      this.#forgetView();
      addon().cropSlots(this.#native!, length);
      this.#length = length;
    }
  }

  reorder(rows: readonly number[]): void {
    if (this.length === 0) return;
    this.#forgetView();
    addon().reorderSlots(this.#native!, Int32Array.from(rows));
    this.#layout = { ...this.#layout, rows: rows.length };
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

  #tensor(which: keyof KeyValues): Tensor4D {
    if (!this.#native)
      throw new NativeError({ where: "KeyValueStore.view", expected: "at least one position", got: "none" });
    const shape = this.#shapes()[which];
    const shown = new SlotsView(this.#native, which, shape);
    this.#shown.push(shown);
    const info = this.#backend.hold(shown, shape);
    return keep(engine().makeTensorFromTensorInfo(info, this.#backend) as Tensor4D);
  }

  #forgetView(): void {
    if (!this.#view) return;
    // Clones may live on: they say so when they are read.
    for (const shown of this.#shown) shown.release();
    this.#shown = [];
    dispose([this.#view.keys, this.#view.values]);
    this.#view = undefined;
  }
}

/** The keys or the values of some slots, behind a tensor. */
export class SlotsView implements Held {
  readonly which: keyof KeyValues;
  readonly #size: number;
  #native: NativeSlotsHandle | undefined;

  constructor(native: NativeSlotsHandle, which: keyof KeyValues, [rows, heads, length, width]: Shape) {
    this.#native = native;
    this.which = which;
    this.#size = rows * heads * length * width;
  }

  /** @throws {NativeError} where the slots have changed since: what they were is gone. */
  get native(): NativeSlotsHandle {
    if (!this.#native)
      throw new NativeError({
        where: "a view of slots",
        expected: "the slots as they were",
        got: "slots that have changed",
        fix: "Take a copy of what is to outlive the next change of a cache",
      });
    return this.#native;
  }

  decode(): Float32Array {
    const values = new Float32Array(this.#size);
    addon().readSlots(values, this.native, this.which === "values");
    return values;
  }

  release(): void {
    this.#native = undefined;
  }
}

/** The slots whose keys and values two tensors are, if they are those of one. */
export function slotsBehind(
  backend: NativeBackend,
  keys: TensorInfo,
  values: TensorInfo,
): NativeSlotsHandle | undefined {
  const [k, v] = [backend.bucket(keys).held, backend.bucket(values).held];
  const fits = k instanceof SlotsView && v instanceof SlotsView && k.which === "keys" && v.which === "values";
  return fits && k.native === v.native ? k.native : undefined;
}
