/** Positions by which memory grows. */
const STEP = 256;
/** Rows with smaller magnitudes are zero: their scale would lose digits. */
const TINY = 2 ** -100;
/** Added and subtracted in float32, it rounds a number below 2²² to a whole one, ties to even. */
const ROUND = 1.5 * 2 ** 23;

/** Axes of a plane, apart from the positions. */
export interface PlaneShape {
  readonly rows: number;
  readonly heads: number;
  readonly width: number;
}

/**
 * Keys or values of a layer as int8 codes, `[B, G, length, D]`, and a scale of each head and position, `[B, G, length]`, in memory of
 * JavaScript. A scale is the largest magnitude over 127, and codes are rounded to it, ties to even.
 */
export class Int8Plane {
  readonly shape: PlaneShape;
  #codes = new Int8Array(0);
  #scales = new Float32Array(0);
  #length = 0;
  /** Positions that fit into the memory. */
  #capacity = 0;

  constructor(shape: PlaneShape) {
    this.shape = shape;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of codes and scales, used or not. */
  get bytes(): number {
    return this.#codes.byteLength + this.#scales.byteLength;
  }

  /** Rounds and appends positions. @param numbers `[B, G, count, D]` */
  append(numbers: Float32Array, count: number): void {
    const { width } = this.shape;
    this.#extend(count, (from, to) => {
      this.#scales[to] = quantizeRow(numbers, from * width, this.#codes.subarray(to * width, (to + 1) * width));
    });
  }

  /** Appends positions of another plane. @param codes `[B, G, count, D]` @param scales `[B, G, count]` */
  appendCodes(codes: Int32Array, scales: Float32Array, count: number): void {
    const { width } = this.shape;
    this.#extend(count, (from, to) => {
      this.#scales[to] = scales[from]!;
      this.#codes.set(codes.subarray(from * width, (from + 1) * width), to * width);
    });
  }

  /** Returns the numbers, `[B, G, length, width]`: those of the first `width` elements. */
  decode(width = this.shape.width): Float32Array {
    const numbers = new Float32Array(this.#lanes * this.#length * width);
    const own = this.shape.width;
    this.#each((at, index) => {
      const scale = this.#scales[at]!;
      for (let i = 0; i < width; i++) numbers[index * width + i] = this.#codes[at * own + i]! * scale;
    });
    return numbers;
  }

  /** Returns copies of codes `[B, G, length, D]` and scales `[B, G, length]`. */
  export(): { readonly codes: Int32Array; readonly scales: Float32Array } {
    const { width } = this.shape;
    const codes = new Int32Array(this.#lanes * this.#length * width);
    const scales = new Float32Array(this.#lanes * this.#length);
    this.#each((at, index) => {
      scales[index] = this.#scales[at]!;
      codes.set(this.#codes.subarray(at * width, (at + 1) * width), index * width);
    });
    return { codes, scales };
  }

  /** Removes the first `count` positions. */
  evict(count: number): void {
    const { width } = this.shape;
    for (let lane = 0; lane < this.#lanes; lane++) {
      const [from, end] = [lane * this.#capacity, lane * this.#capacity + this.#length];
      this.#scales.copyWithin(from, from + count, end);
      this.#codes.copyWithin(from * width, (from + count) * width, end * width);
    }
    this.truncate(this.#length - count);
  }

  /** Removes the positions from `length` on. */
  truncate(length: number): void {
    this.#length = length;
    // Keeps room to grow, and frees more than that.
    if (this.#capacity > roomFor(length) + STEP) this.#resize(roomFor(length));
  }

  /** Returns a plane whose row `i` is row `rows[i]`. */
  reordered(rows: readonly number[]): Int8Plane {
    const { heads, width } = this.shape;
    const plane = new Int8Plane({ ...this.shape, rows: rows.length });
    plane.#resize(this.#capacity);
    plane.#length = this.#length;
    const positions = heads * this.#capacity;
    for (const [to, from] of rows.entries()) {
      plane.#scales.set(this.#scales.subarray(from * positions, (from + 1) * positions), to * positions);
      const size = positions * width;
      plane.#codes.set(this.#codes.subarray(from * size, (from + 1) * size), to * size);
    }
    return plane;
  }

  get #lanes(): number {
    return this.shape.rows * this.shape.heads;
  }

  /** Calls `f` with the index in memory of each position, and its index among those of all heads. */
  #each(f: (at: number, index: number) => void): void {
    for (let lane = 0, index = 0; lane < this.#lanes; lane++)
      for (let position = 0; position < this.#length; position++, index++) f(lane * this.#capacity + position, index);
  }

  /** Calls `write` with the index of each new position among those that are given, and in memory. */
  #extend(count: number, write: (from: number, to: number) => void): void {
    const length = this.#length + count;
    if (length > this.#capacity) this.#resize(roomFor(length));
    for (let lane = 0, from = 0; lane < this.#lanes; lane++)
      for (let i = 0; i < count; i++, from++) write(from, lane * this.#capacity + this.#length + i);
    this.#length = length;
  }

  #resize(capacity: number): void {
    const { width } = this.shape;
    const [codes, scales] = [new Int8Array(this.#lanes * capacity * width), new Float32Array(this.#lanes * capacity)];
    for (let lane = 0; lane < this.#lanes; lane++) {
      const from = lane * this.#capacity;
      scales.set(this.#scales.subarray(from, from + this.#length), lane * capacity);
      codes.set(this.#codes.subarray(from * width, (from + this.#length) * width), lane * capacity * width);
    }
    this.#codes = codes;
    this.#scales = scales;
    this.#capacity = capacity;
  }
}

/** An eighth more than needed, so that appending one by one moves each position a few times only. */
function roomFor(length: number): number {
  return Math.ceil((length + length / 8) / STEP) * STEP;
}

/**
 * Rounds the row of numbers at `from` to codes.
 * @returns the scale; 0 for rows too small for one, NaN for rows with an infinity or a NaN
 */
function quantizeRow(numbers: Float32Array, from: number, codes: Int8Array): number {
  let largest = 0;
  let allFinite = true;
  for (let i = 0; i < codes.length; i++) {
    const magnitude = Math.abs(numbers[from + i]!);
    if (magnitude > largest) largest = magnitude;
    allFinite &&= magnitude < Infinity;
  }
  if (!allFinite || largest < TINY) {
    codes.fill(0);
    return allFinite ? 0 : Number.NaN;
  }
  const scale = Math.fround(largest / 127);
  for (let i = 0; i < codes.length; i++)
    codes[i] = Math.fround(Math.fround(numbers[from + i]! / scale) + ROUND) - ROUND;
  return scale;
}
