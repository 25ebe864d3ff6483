import { concat, dispose, gather, keep, slice, type Tensor4D, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { checkAppended, type KeyValues, type Slots } from "./slots.js";

/** Slots as tensors that are joined anew with each addition, of tfjs operations: for every engine, and differentiable. */
export class TensorSlots implements Slots {
  #all: KeyValues | undefined;

  get rows(): number {
    return this.#all?.keys.shape[0] ?? 0;
  }

  get length(): number {
    return this.#all?.keys.shape[2] ?? 0;
  }

  append({ keys, values }: KeyValues): void {
    const past = this.#all;
    checkAppended({ keys, values }, past?.keys.shape);
    if (past) this.#replace({ keys: concat([past.keys, keys], 2), values: concat([past.values, values], 2) });
    else this.#replace({ keys: keys.clone(), values: values.clone() });
  }

  view(): KeyValues {
    return this.#all!;
  }

  dropFirst(count: number): void {
    if (count > 0) this.#cut(count, this.length - count);
  }

  crop(length: number): void {
    if (length < this.length) this.#cut(0, length);
  }

  reorder(rows: readonly number[]): void {
    tidy(() => {
      const order = tensor1d([...rows], "int32");
      this.#map((tensor) => gather(tensor, order));
    });
  }

  dispose(): void {
    this.#replace(undefined);
  }

  #cut(from: number, length: number): void {
    if (length <= 0) this.#replace(undefined);
    else this.#map((tensor) => slice(tensor, [0, 0, from, 0], [-1, -1, length, -1]));
  }

  #map(f: (tensor: Tensor4D) => Tensor4D): void {
    if (this.#all) this.#replace({ keys: f(this.#all.keys), values: f(this.#all.values) });
  }

  #replace(all: KeyValues | undefined): void {
    const past = this.#all;
    this.#all = all && { keys: keep(all.keys), values: keep(all.values) };
    if (past) dispose([past.keys, past.values]);
  }
}
