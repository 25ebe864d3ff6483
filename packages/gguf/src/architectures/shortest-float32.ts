/** Returns the shortest decimal number whose float32 is `value`: 1e-6 instead of 9.999999974752427e-7. */
export function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
