import { embedding } from "@mixtape/ops";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";
import { Module } from "./module.js";
import { Param } from "./param.js";

/** Rows of a table `weight` `[rows, width]`, looked up by id. */
export class Embedding extends Module {
  readonly weight: Param;

  /** @param options.tied whether the table is also the matrix of the head, and so stored as the engine multiplies. */
  constructor(rows: number, width: number, { tied = false } = {}) {
    super();
    this.weight = new Param([rows, width], tied ? "matrix" : "table");
  }

  /** @param ids int32 `[n]` @returns `[n, width]` */
  forward(ids: Tensor1D): Tensor2D {
    return embedding(ids, this.weight.weight);
  }
}
