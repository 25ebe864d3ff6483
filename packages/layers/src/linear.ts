import { linear } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Around } from "./around.js";
import { Module } from "./module.js";
import { Param } from "./param.js";

/** A linear map of the last axis: `x·Wᵀ + b`, with `weight` `[out, in]` and, where asked for, `bias` `[out]`. */
export class Linear extends Module {
  readonly weight: Param;
  readonly bias: Param | null;
  /** What stands around `forward`; nothing where null. */
  around: Around<Tensor, Tensor> | null = null;

  constructor(inFeatures: number, outFeatures: number, { bias = false } = {}) {
    super();
    this.weight = new Param([outFeatures, inFeatures], "matrix");
    this.bias = bias ? new Param([outFeatures], "vector", "zeros") : null;
  }

  /**
   * Whether its weight and bias are all that it does, so that an op may take them in its place: a subclass may do more in
   * `forward`, and something may stand around it.
   */
  get isPlain(): boolean {
    return this.forward === Linear.prototype.forward && !this.around;
  }

  /** @param x `[…, in]` @returns `[…, out]` */
  forward<T extends Tensor>(x: T): T {
    const { around } = this;
    return (around ? around(x, (input) => this.map(input)) : this.map(x)) as T;
  }

  /** The map alone, without what stands around it. @param x `[…, in]` @returns `[…, out]` */
  map(x: Tensor): Tensor {
    return linear(x, this.weight.weight, this.bias?.vector);
  }
}
