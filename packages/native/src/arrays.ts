/** Memory that a native kernel reads and writes directly. */
export type Numbers = Float32Array | Int32Array | Uint8Array;

/** What holds numbers of a dtype. */
export type NumbersOf = { float32: Float32Array; int32: Int32Array; bool: Uint8Array };
const TYPES = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

/** Bytes that may be in use and kept in all, whatever was in use at once before. */
const LEAST_BYTES = 128 * 2 ** 20;
/** How long an array may be kept without being used. */
const PERIOD_MS = 10_000;
/**
 * How many times more than was in use at once may be in use and kept: a step needs its largest arrays at different times, and each
 * length has its own.
 */
const SPARE = 2;

/** Kept arrays of one type and length. */
interface Shelf {
  readonly arrays: Numbers[];
  /** How few there were at any time of this period: so many were not needed in it. */
  least: number;
}

/**
 * Arrays of disposed tensors, by type and length. A new array costs zeroing, fresh pages and later a collection; a step of decoding
 * or of training asks for the same lengths again and again.
 *
 * What is in use and what is kept are together never more than twice what was in use at once. What was not needed for some seconds
 * is left to the garbage collector.
 */
export class Arrays {
  readonly #shelves = {
    float32: new Map<number, Shelf>(),
    int32: new Map<number, Shelf>(),
    bool: new Map<number, Shelf>(),
  };
  #keptBytes = 0;
  #usedBytes = 0;
  #mostBytes = LEAST_BYTES;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** An array with anything in it. {@link give} it back here and nowhere else, or {@link lose} it. */
  take<D extends keyof NumbersOf>(dtype: D, length: number): NumbersOf[D] {
    const shelf = this.#shelves[dtype].get(length);
    const found = shelf?.arrays.pop();
    if (shelf && found) {
      shelf.least = Math.min(shelf.least, shelf.arrays.length);
      this.#keptBytes -= found.byteLength;
      this.#usedBytes += found.byteLength;
      return found as NumbersOf[D];
    }
    this.#usedBytes += length * TYPES[dtype].BYTES_PER_ELEMENT;
    this.#mostBytes = Math.max(this.#mostBytes, SPARE * this.#usedBytes);
    this.#makeRoom();
    return new TYPES[dtype](length) as NumbersOf[D];
  }

  /** Keeps an array that nobody else has. */
  give(dtype: keyof NumbersOf, array: Numbers): void {
    this.#usedBytes -= array.byteLength;
    this.#keptBytes += array.byteLength;
    const shelf = this.#shelves[dtype].get(array.length);
    if (shelf) shelf.arrays.push(array);
    else this.#shelves[dtype].set(array.length, { arrays: [array], least: 0 });
    this.#timer ??= this.#nextPeriod();
  }

  /** Someone else has an array now: it does not come back. */
  lose(array: Numbers): void {
    this.#usedBytes -= array.byteLength;
  }

  clear(): void {
    for (const shelves of Object.values(this.#shelves)) shelves.clear();
    this.#keptBytes = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Drops what is kept until it fits with what is in use, lengths first that were met first. */
  #makeRoom(): void {
    for (const shelves of Object.values(this.#shelves))
      for (const [length, { arrays }] of shelves) {
        if (this.#usedBytes + this.#keptBytes <= this.#mostBytes) return;
        while (arrays.length > 0 && this.#usedBytes + this.#keptBytes > this.#mostBytes)
          this.#keptBytes -= arrays.pop()!.byteLength;
        if (arrays.length === 0) shelves.delete(length);
      }
  }

  #nextPeriod(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#timer = undefined;
      this.#dropIdle();
      if (this.#keptBytes > 0) this.#timer = this.#nextPeriod();
    }, PERIOD_MS);
    // It must not keep a process alive.
    timer.unref();
    return timer;
  }

  /** Drops what was not needed in the period that ends. */
  #dropIdle(): void {
    for (const shelves of Object.values(this.#shelves))
      for (const [length, shelf] of shelves) {
        for (const array of shelf.arrays.splice(0, shelf.least)) this.#keptBytes -= array.byteLength;
        shelf.least = shelf.arrays.length;
        if (shelf.least === 0) shelves.delete(length);
      }
    this.#mostBytes = Math.max(LEAST_BYTES, this.#usedBytes + this.#keptBytes);
  }
}
