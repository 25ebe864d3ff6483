/** Values of a tensor, in memory that native kernels read and write directly. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** Array types by dtype. */
export type ValuesOf = { float32: Float32Array; int32: Int32Array; bool: Uint8Array };
const TYPES = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

/** Bytes in use and in the pool together that are always allowed. */
const LEAST_BYTES = 128 * 2 ** 20;
/** Time after which an unused array is dropped. */
const PERIOD_MS = 10_000;
/**
 * Factor on the largest number of bytes in use: a step needs its largest arrays at different times, and each length has its own.
 */
const SPARE = 2;

/** Arrays of one type and length in the pool. */
interface KeptBuffers {
  readonly arrays: Values[];
  /** Smallest number of arrays in this period: so many were not needed. */
  least: number;
}

/**
 * Pool of the arrays of disposed tensors, by type and length. A new array costs zeroing, fresh pages and later a collection; a
 * step of decoding or of training asks for the same lengths again and again.
 *
 * Arrays in use and in the pool are together at most twice the largest number of bytes in use. Arrays that were not needed for
 * some seconds are left to the garbage collector.
 */
export class BufferPool {
  readonly #buffers = {
    float32: new Map<number, KeptBuffers>(),
    int32: new Map<number, KeptBuffers>(),
    bool: new Map<number, KeptBuffers>(),
  };
  #keptBytes = 0;
  #usedBytes = 0;
  #mostBytes = LEAST_BYTES;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Acquires an array with arbitrary values. {@link release} it to this pool, or {@link forget} it. */
  acquire<D extends keyof ValuesOf>(dtype: D, length: number): ValuesOf[D] {
    const kept = this.#buffers[dtype].get(length);
    const found = kept?.arrays.pop();
    if (kept && found) {
      kept.least = Math.min(kept.least, kept.arrays.length);
      this.#keptBytes -= found.byteLength;
      this.#usedBytes += found.byteLength;
      return found as ValuesOf[D];
    }
    this.#usedBytes += length * TYPES[dtype].BYTES_PER_ELEMENT;
    this.#mostBytes = Math.max(this.#mostBytes, SPARE * this.#usedBytes);
    this.#makeRoom();
    return new TYPES[dtype](length) as ValuesOf[D];
  }

  /** Returns an array to the pool. No other code may hold it. */
  release(dtype: keyof ValuesOf, array: Values): void {
    this.#usedBytes -= array.byteLength;
    this.#keptBytes += array.byteLength;
    const kept = this.#buffers[dtype].get(array.length);
    if (kept) kept.arrays.push(array);
    else this.#buffers[dtype].set(array.length, { arrays: [array], least: 0 });
    this.#timer ??= this.#nextPeriod();
  }

  /** Forgets an array that other code holds now. */
  forget(array: Values): void {
    this.#usedBytes -= array.byteLength;
  }

  clear(): void {
    for (const byLength of Object.values(this.#buffers)) byLength.clear();
    this.#keptBytes = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Drops arrays of the pool until it fits beside those in use, lengths first that were met first. */
  #makeRoom(): void {
    for (const byLength of Object.values(this.#buffers))
      for (const [length, { arrays }] of byLength) {
        if (this.#usedBytes + this.#keptBytes <= this.#mostBytes) return;
        while (arrays.length > 0 && this.#usedBytes + this.#keptBytes > this.#mostBytes)
          this.#keptBytes -= arrays.pop()!.byteLength;
        if (arrays.length === 0) byLength.delete(length);
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

  /** Drops arrays that were not needed in the period that ends. */
  #dropIdle(): void {
    for (const byLength of Object.values(this.#buffers))
      for (const [length, kept] of byLength) {
        for (const array of kept.arrays.splice(0, kept.least)) this.#keptBytes -= array.byteLength;
        kept.least = kept.arrays.length;
        if (kept.least === 0) byLength.delete(length);
      }
    this.#mostBytes = Math.max(LEAST_BYTES, this.#usedBytes + this.#keptBytes);
  }
}
