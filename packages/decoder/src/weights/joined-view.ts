import type { Dtype, TensorView } from "@mixtape/safetensors";
import { cutView, unsqueezedView } from "./strided-view.js";

/**
 * Concatenates views of one dtype along an existing axis. Nothing is read, and a slice within one of them stays in its
 * file.
 */
export function joinedView(views: readonly TensorView[], axis: number): TensorView {
  const [first, ...others] = views;
  return others.length === 0 ? first! : new JoinedView(views, axis);
}

/** Stacks views of one shape and dtype along a new first axis. */
export function stackedView(views: readonly TensorView[]): TensorView {
  return new StackedView(views);
}

class JoinedView implements TensorView {
  readonly name: string;
  readonly dtype: Dtype;
  readonly savedAs: Dtype;
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly #parts: readonly TensorView[];
  readonly #axis: number;

  constructor(parts: readonly TensorView[], axis: number) {
    const [first] = parts as readonly [TensorView];
    this.name = first.name;
    this.dtype = first.dtype;
    this.savedAs = first.savedAs ?? first.dtype;
    this.shape = first.shape.with(
      axis,
      parts.reduce((sum, { shape }) => sum + shape[axis]!, 0),
    );
    this.byteLength = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#parts = parts;
    this.#axis = axis;
  }

  at(index: number): TensorView {
    if (this.#axis > 0)
      return joinedView(
        this.#parts.map((part) => part.at(index)),
        this.#axis - 1,
      );
    let start = 0;
    for (const part of this.#parts) {
      if (index < start + part.shape[0]!) return part.at(index - start);
      start += part.shape[0]!;
    }
    throw new RangeError(`${this.name}: expected an index below ${start}, got ${index}`);
  }

  slice(start: number, end: number): TensorView {
    if (this.#axis > 0)
      return new JoinedView(
        this.#parts.map((part) => part.slice(start, end)),
        this.#axis,
      );
    let top = 0;
    const cuts = this.#parts.flatMap((part) => {
      const [from, to] = [Math.max(start - top, 0), Math.min(end - top, part.shape[0]!)];
      top += part.shape[0]!;
      return from < to ? [cutView(part, 0, from, to - from)] : [];
    });
    return cuts.length === 0 ? this.#parts[0]!.slice(0, 0) : joinedView(cuts, 0);
  }

  async read(): Promise<Uint8Array> {
    const out = new Uint8Array(this.byteLength);
    const outer = this.shape.slice(0, this.#axis).reduce((all, size) => all * size, 1);
    // One matrix of a stack at a time: parts that are concatenated within matrices need not be in memory at once.
    if (this.#axis > 0 && this.shape.length > 2) {
      const each = out.length / this.shape[0]!;
      for (let i = 0; i < this.shape[0]!; i++) out.set(await this.at(i).read(), i * each);
      return out;
    }
    const row = out.length / outer;
    let at = 0;
    for (const part of this.#parts) {
      const bytes = await part.read();
      const each = bytes.length / outer;
      for (let i = 0; i < outer; i++) out.set(bytes.subarray(i * each, (i + 1) * each), i * row + at);
      at += each;
    }
    return out;
  }
}

/** Views along a new first axis: index i is the view i itself. */
class StackedView implements TensorView {
  readonly name: string;
  readonly dtype: Dtype;
  readonly savedAs: Dtype;
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly #views: readonly TensorView[];

  constructor(views: readonly TensorView[]) {
    const [first] = views as readonly [TensorView];
    this.name = first.name;
    this.dtype = first.dtype;
    this.savedAs = first.savedAs ?? first.dtype;
    this.shape = [views.length, ...first.shape];
    this.byteLength = views.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#views = views;
  }

  at(index: number): TensorView {
    const view = this.#views[index];
    if (view) return view;
    throw new RangeError(`${this.name}: expected an index below ${this.#views.length}, got ${index}`);
  }

  slice(start: number, end: number): TensorView {
    return this.#joined().slice(start, end);
  }

  read(): Promise<Uint8Array> {
    return this.#joined().read();
  }

  /** Models have thousands of experts, of which these views are seldom needed. */
  #joined(): TensorView {
    return joinedView(
      this.#views.map((view) => unsqueezedView(view, 0)),
      0,
    );
  }
}
