import { embedding } from "@mixtape/ops";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";
import { LayersError } from "./errors.js";
import type { ForwardHook } from "./forward-hook.js";
import { Module } from "./module.js";
import { Param } from "./param.js";

/** Options of {@link Embedding}. */
export interface EmbeddingOptions {
  /** Whether the weight is also the matrix of the head, and therefore stored for matrix products. Default: false. */
  readonly tied?: boolean;
  /**
   * Row of the padding token, like torch's `padding_idx`: lookups give it no gradient, and it is initialised to zeros.
   * A negative one counts from the end. A head that shares the weight still has a gradient with respect to it. Default:
   * none.
   */
  readonly paddingIdx?: number | null;
}

/** Looks up rows of `weight` `[rows, width]` by id. */
export class Embedding extends Module {
  readonly weight: Param;
  /** Row that gets no gradient from lookups, counted from 0; null for none. */
  readonly paddingIdx: number | null;
  /** Wraps `forward`; null for no wrapper. */
  wrapForward: ForwardHook<Tensor1D, Tensor2D> | null = null;

  /** @throws {LayersError} for a `paddingIdx` that is not a row */
  constructor(rows: number, width: number, { tied = false, paddingIdx = null }: EmbeddingOptions = {}) {
    super();
    if (paddingIdx !== null && !(Number.isInteger(paddingIdx) && paddingIdx >= -rows && paddingIdx < rows))
      throw new LayersError({
        where: "Embedding: paddingIdx",
        expected: `a row from 0 to ${rows - 1}, or counted from the end`,
        got: `${paddingIdx}`,
      });
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
    this.weight = new Param([rows, width], tied ? "matrix" : "table", "normal", { zeroRow: this.paddingIdx });
  }

  /** @param ids int32 `[n]` @returns `[n, width]` */
  forward(ids: Tensor1D): Tensor2D {
    const { paddingIdx } = this;
    const lookUp = (rows: Tensor1D): Tensor2D => embedding(rows, this.weight.weight, { paddingIdx });
    return this.wrapForward ? this.wrapForward(ids, lookUp) : lookUp(ids);
  }
}
