import { checkAppended, effect, type KeyValues, type Slots } from "@mixtape/ops";
import { dispose, engine, keep, type Tensor4D, type TensorInfo } from "@tensorflow/tfjs-core";
import { addon, DTYPES, type NativeSlotsHandle } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import type { Held } from "./bucket.js";
import { NativeError } from "./errors.js";

/** What keys and values are kept as. */
export type SlotsDtype = "F32" | "BF16";

type Shape = readonly [rows: number, heads: number, length: number, width: number];
const NONE: Shape = [0, 0, 0, 0];

/**
 * Slots of a KV cache in blocks of the addon's memory: what is added is written once and never moved, blocks that slid out are
 * freed, and attention reads them where they lie. To other kernels the views are float32 tensors, decoded at each use.
 */
export class NativeSlots implements Slots {
  readonly #backend: NativeBackend;
  readonly #dtype: SlotsDtype;
  #native: NativeSlotsHandle | undefined;
  #shape: Shape = NONE;
  #view: KeyValues | undefined;
  #shown: SlotsView[] = [];

  constructor(backend: NativeBackend, dtype: SlotsDtype) {
    this.#backend = backend;
    this.#dtype = dtype;
  }

  get rows(): number {
    return this.#shape[0];
  }

  get length(): number {
    return this.#shape[2];
  }

  /** How many bytes all blocks take, whatever part of them is in use. */
  get bytes(): number {
    return this.#native ? addon().bytesOfSlots(this.#native) : 0;
  }

  append({ keys, values }: KeyValues): void {
    checkAppended({ keys, values }, this.length > 0 ? this.#shape : undefined);
    const [rows, heads, count, width] = keys.shape;
    if (count === 0) return;
    this.#native ??= addon().createSlots(DTYPES[this.#dtype]);
    const [k, v] = [this.#backend.floats(keys), this.#backend.floats(values)];
    addon().appendSlots(this.#native, k, v, rows, heads, count, width);
    effect(() => {
      this.#forgetView();
      this.#shape = [rows, heads, this.length + count, width];
    });
  }

  view(): KeyValues {
    this.#view ??= { keys: this.#tensor("keys"), values: this.#tensor("values") };
    return this.#view;
  }

  dropFirst(count: number): void {
    if (count >= this.length) this.dispose();
    else if (count > 0) {
      this.#forgetView();
      addon().dropFirstSlots(this.#native!, count);
      this.#setLength(this.length - count);
    }
  }

  crop(length: number): void {
    if (length <= 0) this.dispose();
    else if (length < this.length) {
      this.#forgetView();
      addon().cropSlots(this.#native!, length);
      this.#setLength(length);
    }
  }

  reorder(rows: readonly number[]): void {
    if (this.length === 0) return;
    this.#forgetView();
    addon().reorderSlots(this.#native!, Int32Array.from(rows));
    const [, heads, length, width] = this.#shape;
    this.#shape = [rows.length, heads, length, width];
  }

  dispose(): void {
    this.#forgetView();
    if (this.#native) addon().release(this.#native);
    this.#native = undefined;
    this.#shape = NONE;
  }

  #setLength(length: number): void {
    const [rows, heads, , width] = this.#shape;
    this.#shape = [rows, heads, length, width];
  }

  #tensor(which: keyof KeyValues): Tensor4D {
    if (!this.#native) throw new NativeError({ where: "Slots.view", expected: "at least one slot", got: "none" });
    const shown = new SlotsView(this.#native, which, this.#shape);
    this.#shown.push(shown);
    const info = this.#backend.hold(shown, this.#shape);
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
