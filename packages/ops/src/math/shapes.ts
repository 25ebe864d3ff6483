/** Returns whether two shapes are equal. A decode step calls this a thousand times, so shapes are not joined to strings. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
