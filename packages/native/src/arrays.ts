/** Memory that a native kernel reads and writes directly. */
export type Numbers = Float32Array | Int32Array | Uint8Array;

/** What holds numbers of a dtype. */
export type NumbersOf = { float32: Float32Array; int32: Int32Array; bool: Uint8Array };
const TYPES = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

/** Bytes of arrays that are kept for use again. */
const MOST_KEPT = 128 * 2 ** 20;

/**
 * Arrays of disposed tensors, by type and length. A new array costs zeroing, fresh pages and later a collection; a decode step
 * asks for the same lengths again and again.
 */
export class Arrays {
  readonly #kept = {
    float32: new Map<number, Numbers[]>(),
    int32: new Map<number, Numbers[]>(),
    bool: new Map<number, Numbers[]>(),
  };
  #bytes = 0;

  /** An array with anything in it. {@link give} it back here and nowhere else. */
  take<D extends keyof NumbersOf>(dtype: D, length: number): NumbersOf[D] {
    const found = this.#kept[dtype].get(length)?.pop();
    if (!found) return new TYPES[dtype](length) as NumbersOf[D];
    this.#bytes -= found.byteLength;
    return found as NumbersOf[D];
  }

  /** Keeps an array that nobody else has. */
  give(dtype: keyof NumbersOf, array: Numbers): void {
    if (array.byteLength > MOST_KEPT) return;
    if (this.#bytes + array.byteLength > MOST_KEPT) this.clear();
    this.#bytes += array.byteLength;
    const kept = this.#kept[dtype];
    const same = kept.get(array.length);
    if (same) same.push(array);
    else kept.set(array.length, [array]);
  }

  clear(): void {
    for (const kept of Object.values(this.#kept)) kept.clear();
    this.#bytes = 0;
  }
}
