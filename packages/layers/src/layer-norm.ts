import { add, mean, mul, rsqrt, square, sub, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { Module } from "./module.js";
import type { Norm } from "./norm.js";
import { Param } from "./param.js";

/** LayerNorm (Ba et al. 2016, https://arxiv.org/abs/1607.06450): `(x − mean) / √(var + ε) · weight + bias`. */
export class LayerNorm extends Module implements Norm {
  /** `[D]` */
  readonly weight: Param;
  /** `[D]`; null without a bias. */
  readonly bias: Param | null;
  readonly #epsilon: number;

  /** @param options.bias whether a bias is added. Default: true. */
  constructor(size: number, epsilon: number, { bias = true } = {}) {
    super();
    this.weight = new Param([size], "vector", "ones");
    this.bias = bias ? new Param([size], "vector", "zeros") : null;
    this.#epsilon = epsilon;
  }

  /** @param x `[…, D]` @param residual added to the normalised `x` @returns the shape of `x` */
  forward<T extends Tensor>(x: T, residual?: T): T {
    return tidy(() => {
      const centred = sub(x, mean(x, -1, true));
      const scaled = mul(centred, rsqrt(add(mean(square(centred), -1, true), this.#epsilon)));
      const weighted = mul(scaled, this.weight.vector);
      const shifted = this.bias ? add(weighted, this.bias.vector) : weighted;
      return (residual ? add(residual, shifted) : shifted) as T;
    });
  }
}
