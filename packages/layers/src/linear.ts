import { linear } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { ForwardHook } from "./forward-hook.js";
import { Module } from "./module.js";
import { Param } from "./param.js";

/** Linear layer on the last axis: `x·Wᵀ + b`, with `weight` `[out, in]` and optionally `bias` `[out]`. */
export class Linear extends Module {
  readonly weight: Param;
  readonly bias: Param | null;
  /** Wraps `forward`; null for no wrapper. */
  wrapForward: ForwardHook<Tensor, Tensor> | null = null;

  constructor(inFeatures: number, outFeatures: number, { bias = false } = {}) {
    super();
    this.weight = new Param([outFeatures, inFeatures], "matrix");
    this.bias = bias ? new Param([outFeatures], "vector", "zeros") : null;
  }

  /**
   * Whether weight and bias are its whole computation, so that a fused op may use them directly: a subclass may do more
   * in `forward`, and `forward` may be wrapped.
   */
  get canFuse(): boolean {
    return this.forward === Linear.prototype.forward && !this.wrapForward;
  }

  /** @param x `[…, in]` @returns `[…, out]` */
  forward<T extends Tensor>(x: T): T {
    const { wrapForward } = this;
    return (wrapForward ? wrapForward(x, (input) => this.map(input)) : this.map(x)) as T;
  }

  /** Applies the linear layer without its wrapper. @param x `[…, in]` @returns `[…, out]` */
  map(x: Tensor): Tensor {
    return linear(x, this.weight.weight, this.bias?.vector);
  }
}
