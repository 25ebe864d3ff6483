/**
 * A view of the elements of another view in another order, or of some of them: transposed, interleaved, sliced. Views
 * of views become one, so that a chain of such operations reads each element once; a contiguous result stays in its
 * file.
 */
import { bytesPerElement, type TensorView } from "@mixtape/safetensors";
import { type Axis, cutSteps, factored, merged, sizeOf } from "./axis-steps.js";
import { copyElements, elementsOf } from "./copy-elements.js";

/** Swaps two axes. Negative ones count from the end. */
export function transposedView(view: TensorView, a: number, b: number): StridedView {
  const strided = StridedView.of(view);
  const { axes } = strided;
  return strided.with(axes.with(a, axes.at(b)!).with(b, axes.at(a)!));
}

/** Returns the indices `[start, start + length)` of an axis. */
export function cutView(view: TensorView, axis: number, start: number, length: number): TensorView {
  const strided = StridedView.of(view);
  return strided.cut(axis, start, length) ?? StridedView.over(view).cut(axis, start, length)!;
}

/** Reads an axis as rows of `inner` indices and transposes them: index `i · inner + j` becomes `j · (size / inner) + i`. */
export function shuffledView(view: TensorView, axis: number, inner: number): TensorView {
  const strided = StridedView.of(view);
  return strided.shuffle(axis, inner) ?? StridedView.over(view).shuffle(axis, inner)!;
}

/** Removes an axis of size 1. */
export function squeezedView(view: TensorView, axis: number): TensorView {
  const strided = StridedView.of(view);
  return strided.with(strided.axes.filter((_, i) => i !== axis));
}

/** Adds an axis of size 1. */
export function unsqueezedView(view: TensorView, axis: number): TensorView {
  const strided = StridedView.of(view);
  return strided.with(strided.axes.toSpliced(axis, 0, []));
}

class StridedView implements TensorView {
  readonly shape: readonly number[];

  private constructor(
    readonly name: string,
    readonly source: TensorView,
    readonly axes: readonly Axis[],
    readonly offset: number,
  ) {
    this.shape = axes.map(sizeOf);
  }

  static of(view: TensorView): StridedView {
    return view instanceof StridedView ? view : StridedView.over(view);
  }

  /** Wraps a view unchanged, as a source of others. */
  static over(view: TensorView): StridedView {
    // Transposing it again costs nothing.
    if (view.transposed) return transposedView(view.transposed, -2, -1);
    let stride = 1;
    const axes = view.shape.toReversed().map((size): Axis => {
      const axis = [{ size, stride }];
      stride *= size;
      return axis;
    });
    return new StridedView(view.name, view, axes.reverse(), 0);
  }

  get dtype(): TensorView["dtype"] {
    return this.source.dtype;
  }

  get byteLength(): number {
    return product(this.shape) * bytesPerElement(this.dtype);
  }

  get location(): TensorView["location"] {
    if (!isContiguous(stepsOf(this.axes)) || this.byteLength === 0) return undefined;
    const { view, offset } = narrowest(this.source, this.offset, product(this.shape));
    if (!view.location) return undefined;
    const { path, offset: start } = view.location;
    return { path, offset: start + offset * bytesPerElement(this.dtype), length: this.byteLength };
  }

  /** That of the source, for the very elements of it or of a part of it. */
  get quantized(): TensorView["quantized"] {
    if (!isContiguous(stepsOf(this.axes)) || this.byteLength === 0) return undefined;
    const { view, offset } = narrowest(this.source, this.offset, product(this.shape));
    return offset === 0 && view.shape.join() === this.shape.join() ? view.quantized : undefined;
  }

  get savedAs(): TensorView["savedAs"] {
    return this.source.savedAs;
  }

  /** Returns the same elements with other axes. */
  with(axes: readonly Axis[], offset = this.offset, name = this.name): StridedView {
    return new StridedView(name, this.source, axes.map(merged), offset);
  }

  cut(axis: number, start: number, length: number): StridedView | undefined {
    const found = cutSteps(this.axes[axis]!, start, length);
    return found && this.with(this.axes.with(axis, found.steps), this.offset + found.offset);
  }

  shuffle(axis: number, inner: number): StridedView | undefined {
    const factors = factored(this.axes[axis]!, inner);
    return factors && this.with(this.axes.with(axis, [...factors.inner, ...factors.outer]));
  }

  slice(start: number, end: number): TensorView {
    const name = `${this.name}[${start}:${end}]`;
    const cut = cutView(this, 0, start, end - start);
    return cut instanceof StridedView ? cut.with(cut.axes, cut.offset, name) : cut;
  }

  at(index: number): TensorView {
    const cut = StridedView.of(cutView(this, 0, index, 1));
    return cut.with(cut.axes.slice(1), cut.offset, `${this.name}[${index}]`);
  }

  async read(): Promise<Uint8Array> {
    const size = bytesPerElement(this.dtype);
    const steps = stepsOf(this.axes);
    if (this.byteLength === 0) return new Uint8Array(0);
    if (isContiguous(steps)) return readRange(this.source, this.offset, product(this.shape));
    const out = new Uint8Array(this.byteLength);
    // One matrix of a stack at a time: the whole source need not be in memory.
    if (this.shape.length > 2) {
      const each = out.length / this.shape[0]!;
      for (let i = 0; i < this.shape[0]!; i++) out.set(await this.at(i).read(), i * each);
      return out;
    }
    const span = 1 + steps.reduce((sum, step) => sum + (step.size - 1) * step.stride, 0);
    const bytes = await readRange(this.source, this.offset, span);
    copyElements(elementsOf(bytes, size), elementsOf(out, size), steps);
    return out;
  }
}

function product(shape: readonly number[]): number {
  return shape.reduce((all, size) => all * size, 1);
}

/** Returns the steps of all axes, outermost first, as few as possible. */
function stepsOf(axes: readonly Axis[]): Axis {
  return merged(axes.flat());
}

function isContiguous(steps: Axis): boolean {
  return steps.length === 0 || (steps.length === 1 && steps[0]!.stride === 1);
}

/** Returns the smallest part of a view that has `count` elements from `offset` on, and their offset in it. */
function narrowest(view: TensorView, offset: number, count: number): { view: TensorView; offset: number } {
  const [rows] = view.shape;
  if (rows === undefined) return { view, offset };
  const each = product(view.shape.slice(1));
  const [from, end] = [Math.floor(offset / each), Math.ceil((offset + count) / each)];
  const rest = offset - from * each;
  // Rows that no steps describe are read with the others.
  if (view instanceof StridedView && !view.cut(0, from, end - from)) return { view, offset };
  if (end - from === 1 && count < each) return narrowest(view.at(from), rest, count);
  return { view: from === 0 && end === rows ? view : view.slice(from, end), offset: rest };
}

/** Reads `count` elements of a view from `offset` on, row-major. */
async function readRange(view: TensorView, offset: number, count: number): Promise<Uint8Array> {
  const part = narrowest(view, offset, count);
  const size = bytesPerElement(view.dtype);
  return (await part.view.read()).subarray(part.offset * size, (part.offset + count) * size);
}
