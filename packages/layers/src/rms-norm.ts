import { rmsNorm } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";
import { Module } from "./module.js";
import type { Norm } from "./norm.js";
import { Param } from "./param.js";

/** Root mean square normalisation of the last axis, scaled by `weight` `[size]`. */
export class RMSNorm extends Module implements Norm {
  readonly weight: Param;
  readonly #eps: number;

  constructor(size: number, eps: number) {
    super();
    this.weight = new Param([size], "vector", "ones");
    this.#eps = eps;
  }

  /** @param x `[…, size]` @param residual added to the normalised `x`, the same shape @returns the same shape */
  forward<T extends Tensor>(x: T, residual?: T): T {
    return rmsNorm(x, this.weight.vector, this.#eps, residual);
  }
}
