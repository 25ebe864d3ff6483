/**
 * Multiplies rows by a matrix in JavaScript. Keeps four sums and reads both sides in memory order: about four times as fast as
 * the loops of tfjs's cpu backend, which compute every index.
 *
 * @param x `[rows, width]`
 * @param w `[columns, width]`, or `[width, columns]` if `transposed`
 * @param y `[rows, columns]`, to fill
 */
export function multiplyOnHost(
  x: Float32Array,
  w: Float32Array,
  y: Float32Array,
  width: number,
  transposed: boolean,
): void {
  const run = transposed ? addRows : dotRows;
  run(x, w, y, x.length / width, width, w.length / width);
}

/** Computes `y[r, c] = x[r] · w[c]`. */
function dotRows(
  x: Float32Array,
  w: Float32Array,
  y: Float32Array,
  rows: number,
  width: number,
  columns: number,
): void {
  const tail = width - (width % 4);
  for (let row = 0; row < rows; row++) {
    const a = row * width;
    for (let column = 0; column < columns; column++) {
      const b = column * width;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let i = 0; i < tail; i += 4) {
        s0 += x[a + i]! * w[b + i]!;
        s1 += x[a + i + 1]! * w[b + i + 1]!;
        s2 += x[a + i + 2]! * w[b + i + 2]!;
        s3 += x[a + i + 3]! * w[b + i + 3]!;
      }
      for (let i = tail; i < width; i++) s0 += x[a + i]! * w[b + i]!;
      y[row * columns + column] = s0 + s1 + (s2 + s3);
    }
  }
}

/** Computes `y[r] = Σ_i x[r, i] · w[i]`. */
function addRows(
  x: Float32Array,
  w: Float32Array,
  y: Float32Array,
  rows: number,
  width: number,
  columns: number,
): void {
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let i = 0; i < width; i++) {
      const factor = x[row * width + i]!;
      for (let column = 0; column < columns; column++) sums[column]! += factor * w[i * columns + column]!;
    }
    y.set(sums, row * columns);
  }
}
