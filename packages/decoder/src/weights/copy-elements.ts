import type { Axis, Step } from "./axis-steps.js";

export type Elements = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

/** Returns bytes as elements of `size` bytes: the same memory if aligned, else a copy. */
export function elementsOf(bytes: Uint8Array, size: number): Elements {
  const { buffer, byteOffset, length } = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const Type = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[size]!;
  return new Type(buffer as ArrayBuffer, byteOffset, length / size);
}

/** Rows and columns of a block that fits the cache, for copies where one side has large strides. */
const BLOCK = 32;

/** Copies elements along the steps into a row-major tensor. */
export function copyElements(from: Elements, to: Elements, steps: Axis): void {
  const [rows, columns] = [steps.at(-2) ?? { size: 1, stride: 0 }, steps.at(-1)!];
  const outer = steps.slice(0, -2);
  const each = rows.size * columns.size;
  for (let block = 0, at = 0; at < to.length; block++, at += each) {
    let start = 0;
    for (let rest = block, k = outer.length - 1; k >= 0; rest = Math.floor(rest / outer[k]!.size), k--)
      start += (rest % outer[k]!.size) * outer[k]!.stride;
    copyMatrix(from, start, to, at, rows, columns);
  }
}

function copyMatrix(from: Elements, start: number, to: Elements, at: number, rows: Step, columns: Step): void {
  for (let top = 0; top < rows.size; top += BLOCK)
    for (let left = 0; left < columns.size; left += BLOCK) {
      const [bottom, right] = [Math.min(top + BLOCK, rows.size), Math.min(left + BLOCK, columns.size)];
      for (let i = top; i < bottom; i++) {
        const target = at + i * columns.size;
        let source = start + i * rows.stride + left * columns.stride;
        for (let j = left; j < right; j++, source += columns.stride) to[target + j] = from[source]!;
      }
    }
}
