/** Whether two shapes are one. In a decode step this is asked a thousand times, and joining them would cost as much as a kernel. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
