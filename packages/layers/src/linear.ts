import { linear } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { ForwardHook } from "./forward-hook.js";
import { Module } from "./module.js";
import { Param } from "./param.js";

/** A linear map of the last axis: `x·Wᵀ + b`, with `weight` `[out, in]` and, where asked for, `bias` `[out]`. */
export class Linear extends Module {
  readonly weight: Param;
  readonly bias: Param | null;
  /** What stands around `forward`; nothing where null. */
  wrapForward: ForwardHook<Tensor, Tensor> | null = null;

  constructor(inFeatures: number, outFeatures: number, { bias = false } = {}) {
    super();
    this.weight = new Param([outFeatures, inFeatures], "matrix");
    this.bias = bias ? new Param([outFeatures], "vector", "zeros") : null;
  }

  /**
   * Whether its weight and bias are all that it does, so that an op may take them in its place: a subclass may do more in
   * `forward`, and something may stand around it.
   */
  get canFuse(): boolean {
    return this.forward === Linear.prototype.forward && !this.wrapForward;
  }

  /** @param x `[…, in]` @returns `[…, out]` */
  forward<T extends Tensor>(x: T): T {
    const { wrapForward } = this;
    return (wrapForward ? wrapForward(x, (input) => this.map(input)) : this.map(x)) as T;
  }

  /** The map alone, without what stands around it. @param x `[…, in]` @returns `[…, out]` */
  map(x: Tensor): Tensor {
    return linear(x, this.weight.weight, this.bias?.vector);
  }
}
