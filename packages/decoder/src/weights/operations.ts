/**
 * Steps between tensors of a file and parameters. They are named by their effect in loading; each is invertible, so one
 * list loads and saves. They read nothing: they create views of views.
 */
import type { Param } from "@mixtape/layers";
import type { TensorView } from "@mixtape/safetensors";
import { sameDtype } from "../same-dtype.js";
import { addedView, subtractedView } from "./added-view.js";
import { joinedView, stackedView } from "./joined-view.js";
import { cutView, shuffledView, squeezedView, transposedView, unsqueezedView } from "./strided-view.js";

export type Shape = readonly number[];
/** One tensor, or, until they are stacked, all tensors of a pattern such as `experts.*.w1.weight`. */
export type Bundle<T> = readonly T[];

/** A step between tensors of a file and parameters, created by `stack()`, `split(axis)` and the like. */
export interface WeightOperation {
  readonly name: string;
  /** Whether values change, and therefore become float32, rather than only move. */
  readonly changesValues?: boolean;
  /** Number of input tensors for `after` outputs; undefined if that number of outputs is impossible. */
  readonly count: (after: number) => number | undefined;
  /** Shapes of the inputs, by the shapes of the outputs; undefined if there are none. */
  readonly shapes: (after: readonly Bundle<Shape>[]) => readonly Bundle<Shape>[] | undefined;
  readonly load: (
    before: readonly Bundle<TensorView>[],
    after: readonly Bundle<Shape>[],
    params: readonly Param[],
  ) => readonly Bundle<TensorView>[];
  readonly save: (after: readonly Bundle<TensorView>[], params: readonly Param[]) => readonly Bundle<TensorView>[];
}

/** Stacks the tensors of a pattern, one for each index of `*`, along a new first axis: one matrix per expert becomes `[E, …]`. */
export function stack(): WeightOperation {
  return {
    name: "stack",
    count: (after) => after,
    shapes: (after) => {
      if (after.some((shapes) => shapes.length !== 1 || shapes[0]!.length === 0)) return undefined;
      return after.map(([shape]) => Array.from({ length: shape![0]! }, () => shape!.slice(1)));
    },
    load: (before) => before.map((views) => [stackedView(sameDtype(views))]),
    save: (after) => after.map(([view]) => Array.from({ length: view!.shape[0]! }, (_, i) => view!.at(i))),
  };
}

/** Splits a tensor along an axis into as many parts as follow, each as long as its parameter: `torch.split`. */
export function split(axis: number): WeightOperation {
  return {
    name: "split",
    count: (after) => (after > 0 ? 1 : undefined),
    shapes: (after) => {
      const along = (shape: Shape): number => axisOf(axis, shape.length);
      const [first] = after;
      const whole = first!.map((shape, i) => {
        const sizes = after.map((shapes) => shapes[i]?.[along(shape)]);
        const alike = after.every((shapes) => sameBut(along(shape), shapes[i], shape));
        return alike && sizes.every((size) => size !== undefined)
          ? shape.with(
              along(shape),
              sizes.reduce((sum, size) => sum + size, 0),
            )
          : undefined;
      });
      return whole.every((shape) => shape !== undefined) ? [whole] : undefined;
    },
    load: ([whole], after) => {
      const starts = whole!.map(() => 0);
      return after.map((shapes) =>
        shapes.map((shape, i) => {
          const along = axisOf(axis, shape.length);
          const start = starts[i]!;
          starts[i] = start + shape[along]!;
          return cutView(whole![i]!, along, start, shape[along]!);
        }),
      );
    },
    save: (after) => [
      after[0]!.map((view, i) =>
        joinedView(
          after.map((views) => views[i]!),
          axisOf(axis, view.shape.length),
        ),
      ),
    ],
  };
}

/** Concatenates tensors of these sizes along an axis: `torch.cat`. */
export function concat(axis: number, sizes: readonly number[]): WeightOperation {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return {
    name: "concat",
    count: (after) => (after === 1 ? sizes.length : undefined),
    shapes: ([shapes]) => {
      if (shapes!.some((shape) => shape[axisOf(axis, shape.length)] !== total)) return undefined;
      return sizes.map((size) => shapes!.map((shape) => shape.with(axisOf(axis, shape.length), size)));
    },
    load: (before) => [
      before[0]!.map((view, i) =>
        joinedView(sameDtype(before.map((views) => views[i]!)), axisOf(axis, view.shape.length)),
      ),
    ],
    save: ([views]) => {
      let start = 0;
      return sizes.map((size) => {
        const cut = views!.map((view) => cutView(view, axisOf(axis, view.shape.length), start, size));
        start += size;
        return cut;
      });
    },
  };
}

/** Swaps two axes. Default: the last two. */
export function transpose(a = -2, b = -1): WeightOperation {
  const swap = (view: TensorView): TensorView => {
    const rank = view.shape.length;
    return transposedView(view, axisOf(a, rank), axisOf(b, rank));
  };
  return elementwise("transpose", {
    shape: (shape) => {
      const [i, j] = [axisOf(a, shape.length), axisOf(b, shape.length)];
      if (shape[i] === undefined || shape[j] === undefined) return undefined;
      return shape.with(i, shape[j]).with(j, shape[i]);
    },
    load: swap,
    save: swap,
  });
}

/**
 * Separates `n` parts whose indices alternate along an axis: `g0 u0 g1 u1 …` becomes `g0 g1 … u0 u1 …`. Followed by
 * `split`, each part becomes a parameter.
 */
export function deinterleave(n: number, axis: number): WeightOperation {
  return shuffle("deinterleave", n, axis);
}

/** Alternates `n` consecutive parts along an axis: `g0 g1 … u0 u1 …` becomes `g0 u0 g1 u1 …`. */
export function interleave(n: number, axis: number): WeightOperation {
  return shuffle("interleave", n, axis);
}

function shuffle(name: "interleave" | "deinterleave", n: number, axis: number): WeightOperation {
  const apart = (view: TensorView): TensorView => shuffledView(view, axisOf(axis, view.shape.length), n);
  const together = (view: TensorView): TensorView => {
    const along = axisOf(axis, view.shape.length);
    return shuffledView(view, along, view.shape[along]! / n);
  };
  const [load, save] = name === "deinterleave" ? [apart, together] : [together, apart];
  return elementwise(name, {
    shape: (shape) => ((shape[axisOf(axis, shape.length)] ?? NaN) % n === 0 ? shape : undefined),
    load,
    save,
  });
}

/** Removes an axis of size 1, such as the second one of a depthwise convolution `[C, 1, K]`. */
export function squeeze(axis: number): WeightOperation {
  return elementwise("squeeze", {
    shape: (shape) => {
      const along = axisOf(axis, shape.length + 1);
      return along >= 0 && along <= shape.length ? shape.toSpliced(along, 0, 1) : undefined;
    },
    load: (view) => squeezedView(view, axisOf(axis, view.shape.length)),
    save: (view) => unsqueezedView(view, axisOf(axis, view.shape.length + 1)),
  });
}

/**
 * Adds a constant: a norm that multiplies by `1 + w` is a plain one with `add(1)`. The parameter is float32 in memory
 * and saved in the dtype of its checkpoint. The rounding error of the addition is stored, so that saving reproduces the
 * same bytes.
 *
 * Must be the last step of a list: the rounding error belongs to a parameter.
 */
export function add(constant: number): WeightOperation {
  return {
    name: "add",
    changesValues: true,
    count: (after) => after,
    shapes: (after) => after,
    load: (before, _, params) => before.map(([view], i) => [addedView(view!, constant, params[i]!)]),
    save: (after, params) => after.map(([view], i) => [subtractedView(view!, constant, params[i]!)]),
  };
}

/** A step that treats every tensor alike. @param maps `shape` is that of the input, undefined if there is none */
function elementwise(
  name: string,
  maps: {
    readonly shape: (after: Shape) => Shape | undefined;
    readonly load: (view: TensorView) => TensorView;
    readonly save: (view: TensorView) => TensorView;
  },
): WeightOperation {
  return {
    name,
    count: (after) => after,
    shapes: (after) => {
      const before = after.map((shapes) => shapes.map(maps.shape));
      return before.flat().includes(undefined) ? undefined : (before as Bundle<Shape>[]);
    },
    load: (before) => before.map((views) => views.map(maps.load)),
    save: (after) => after.map((views) => views.map(maps.save)),
  };
}

/** Returns an axis counted from the front; a negative one counts from the end. */
function axisOf(axis: number, rank: number): number {
  return axis < 0 ? rank + axis : axis;
}

function sameBut(axis: number, a: Shape | undefined, b: Shape): boolean {
  return a?.length === b.length && a.every((size, i) => i === axis || size === b[i]);
}
