/** Indices of an axis as steps through memory, and how transposing, interleaving and slicing change them. */

/** Indices of one axis as a product of steps through the source, outermost first. */
export type Axis = readonly Step[];

/** `size` indices, `stride` elements of the source apart. */
export interface Step {
  readonly size: number;
  readonly stride: number;
}

/** Returns the number of indices. */
export function sizeOf(axis: Axis): number {
  return axis.reduce((all, { size }) => all * size, 1);
}

/** Returns the same indices in fewer steps. */
export function merged(axis: Axis): Axis {
  const steps: Step[] = [];
  for (const step of axis) {
    const last = steps.at(-1);
    if (step.size === 1) continue;
    if (last && last.stride === step.size * step.stride)
      steps[steps.length - 1] = { size: last.size * step.size, stride: step.stride };
    else steps.push(step);
  }
  return steps;
}

/** Splits an axis into outer steps and `inner` indices within each, if its steps can be divided so. */
export function factored(axis: Axis, inner: number): { outer: Axis; inner: Axis } | undefined {
  const within: Step[] = [];
  let left = inner;
  for (const [i, step] of [...axis.entries()].reverse()) {
    if (left === 1) return { outer: axis.slice(0, i + 1), inner: within };
    if (step.size > left) {
      if (step.size % left !== 0) return undefined;
      const rest = { size: step.size / left, stride: step.stride * left };
      return { outer: [...axis.slice(0, i), rest], inner: [{ size: left, stride: step.stride }, ...within] };
    }
    if (left % step.size !== 0) return undefined;
    within.unshift(step);
    left /= step.size;
  }
  return left === 1 ? { outer: [], inner: within } : undefined;
}

/** Returns the indices `[start, start + length)` and the offset of the first, if steps can describe them. */
export function cutSteps(axis: Axis, start: number, length: number): { steps: Axis; offset: number } | undefined {
  const [first, ...rest] = axis;
  if (!first) return { steps: length === 1 ? [] : [{ size: length, stride: 1 }], offset: 0 };
  const each = sizeOf(rest);
  const at = Math.floor(start / each);
  const within = start % each;
  if (within === 0 && length % each === 0)
    return { steps: [{ size: length / each, stride: first.stride }, ...rest], offset: at * first.stride };
  if (within + length > each) return undefined;
  const found = cutSteps(rest, within, length);
  return found && { steps: found.steps, offset: at * first.stride + found.offset };
}
