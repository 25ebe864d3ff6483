import { concat, dispose, gather, keep, slice, type Tensor4D, tensor1d, tidy } from "@tensorflow/tfjs-core";
import {
  type AppendedKeyValues,
  checkAppended,
  type KeyValueState,
  type KeyValueStore,
  type KeyValueStoreOptions,
  type KeyValues,
} from "../storage/key-value-store.js";
import { appendNumbers, exportNumbers } from "./key-value-state.js";

/** Keeps keys and values as tensors that are concatenated anew at each `append`: for every engine, and differentiable. */
export class TensorKeyValueStore implements KeyValueStore {
  readonly #options: KeyValueStoreOptions;
  #all: KeyValues | undefined;

  constructor(options: KeyValueStoreOptions = {}) {
    this.#options = options;
  }

  get rows(): number {
    return this.#all?.keys.shape[0] ?? 0;
  }

  get length(): number {
    return this.#all?.keys.shape[2] ?? 0;
  }

  append(added: AppendedKeyValues): void {
    const past = this.#all;
    checkAppended(added, this.#options, past && { keys: past.keys.shape, values: past.values.shape });
    this.#replace(
      tidy(() => {
        const keys = past ? concat([past.keys, added.keys], 2) : added.keys.clone();
        const own = added.values;
        if (!own) return { keys, values: this.#shared(keys) };
        return { keys, values: past ? concat([past.values, own], 2) : own.clone() };
      }),
    );
  }

  view(): KeyValues {
    return this.#all!;
  }

  evict(count: number): void {
    if (count > 0) this.#cut(count, this.length - count);
  }

  truncate(length: number): void {
    if (length < this.length) this.#cut(0, length);
  }

  reorder(rows: readonly number[]): void {
    tidy(() => {
      const order = tensor1d([...rows], "int32");
      this.#map((tensor) => gather(tensor, order));
    });
  }

  exportState(): KeyValueState {
    return exportNumbers(this, this.#options);
  }

  importState(state: KeyValueState): void {
    this.dispose();
    appendNumbers(this, state);
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

  #shared(keys: Tensor4D): Tensor4D {
    return slice(keys, [0, 0, 0, 0], [-1, -1, -1, this.#options.sharedWidth!]);
  }

  #replace(all: KeyValues | undefined): void {
    const past = this.#all;
    this.#all = all && { keys: keep(all.keys), values: keep(all.values) };
    if (past) dispose([past.keys, past.values]);
  }
}
