/** What gated MLPs and experts are tested with: numbers that no step rounds, random ones, and the formula in float64. */

export interface Shape {
  readonly tokens: number;
  readonly count: number;
  readonly choices: number;
  readonly width: number;
  readonly inner: number;
}

export interface Given extends Shape {
  readonly x: Float32Array;
  readonly indices: Int32Array;
  readonly weights: Float32Array;
  /** `[count, inner, width]` */
  readonly gate: Float32Array;
  readonly up: Float32Array;
  /** `[count, width, inner]` */
  readonly down: Float32Array;
  /** `[count, inner]`, and of down `[count, width]` */
  readonly biases?: Readonly<Record<"gate" | "up" | "down", Float32Array>> | undefined;
}

/** Uniform in [0, 1), the same in every run. */
function uniform(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Whole numbers such that no product and no sum of a gated MLP with relu has more bits than a float32: what comes out is exact
 * in any order of summation, and only rounding to bfloat16, of `x` above 256 and of `activation(gate) · up`, changes it.
 */
export function wholeNumbers(shape: Shape, seed: number, indices?: Int32Array): Given {
  const { tokens, count, choices, width, inner } = shape;
  const next = uniform(seed);
  const below = (n: number) => Math.floor(next() * n);
  /** Rows with a few ±1. */
  const sparse = (rows: number, columns: number, most: number) => {
    const out = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < most; i++) out[row * columns + below(columns)] = below(2) ? 1 : -1;
    return out;
  };
  return {
    ...shape,
    x: Float32Array.from({ length: tokens * width }, () => below(601) - 300),
    indices: indices ?? Int32Array.from({ length: tokens * choices }, () => below(count)),
    weights: Float32Array.from({ length: tokens * choices }, () => [1, 0.5, -1, 2][below(4)]!),
    gate: sparse(count * inner, width, 2),
    up: sparse(count * inner, width, 1),
    down: sparse(count * width, inner, 6),
  };
}

export function normals(shape: Shape, seed: number, { hasBiases = false } = {}): Given {
  const next = uniform(seed);
  const { tokens, count, choices, width, inner } = shape;
  const normal = (length: number, scale: number) =>
    Float32Array.from({ length }, () => scale * (next() + next() + next() + next() - 2) * Math.sqrt(3));
  return {
    ...shape,
    x: normal(tokens * width, 1),
    indices: Int32Array.from({ length: tokens * choices }, (_, i) => (i + 3 * Math.floor(i / choices)) % count),
    weights: normal(tokens * choices, 1),
    gate: normal(count * inner * width, width ** -0.5),
    up: normal(count * inner * width, width ** -0.5),
    down: normal(count * width * inner, inner ** -0.5),
    biases: hasBiases
      ? { gate: normal(count * inner, 1), up: normal(count * inner, 1), down: normal(count * width, 1) }
      : undefined,
  };
}

export function bfloat16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer);
  bits[0] = (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0]!;
}

/** `Σ_j weights[t, j] · down(relu(gate · x[t]) · (up · x[t]))`, each step in float64, activations rounded by `round`. */
export function formula(
  given: Given,
  round: { x: (x: number) => number; hidden: (x: number) => number },
): Float64Array {
  const { tokens, choices, width, inner } = given;
  const out = new Float64Array(tokens * width);
  for (let t = 0; t < tokens; t++) {
    const x = Float64Array.from(given.x.subarray(t * width, (t + 1) * width), round.x);
    for (let j = 0; j < choices; j++) {
      const expert = given.indices[t * choices + j]!;
      const hidden = Float64Array.from({ length: inner }, (_, i) => {
        const row = expert * inner + i;
        return round.hidden(Math.max(dot(given.gate, row, x), 0) * dot(given.up, row, x));
      });
      for (let m = 0; m < width; m++)
        out[t * width + m]! += given.weights[t * choices + j]! * dot(given.down, expert * width + m, hidden);
    }
  }
  return out;
}

/** Of a row of matrices that lie behind one another. */
function dot(matrices: Float32Array, row: number, x: Float64Array): number {
  const at = row * x.length;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += matrices[at + i]! * x[i]!;
  return sum;
}
