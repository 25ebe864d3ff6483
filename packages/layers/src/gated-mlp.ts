import type { DecoderConfig } from "@mixtape/config";
import { type Gating, gate, gatedMlp } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";
import { gatingOf } from "./activations.js";
import type { ForwardHook } from "./forward-hook.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";

/** Part of a config that a feed-forward uses. */
export type MlpConfig = Pick<DecoderConfig, "hiddenSize" | "hiddenAct">;

/** Options of a gated MLP, and of experts. */
export interface GatedMlpOptions {
  /** Whether the three linear layers have biases. Default: false. */
  readonly bias?: boolean;
  /** Combines gate and up. Default: `activation(gate) · up` with the activation of `hidden_act`. */
  readonly gating?: Gating;
}

/** Gated feed-forward, as in Llama; SwiGLU with silu: `down(act(gate(x)) · up(x))`. */
export class GatedMlp extends Module {
  readonly gateProj: Linear;
  readonly upProj: Linear;
  readonly downProj: Linear;
  readonly gating: Gating;
  /** Wraps `forward`; null for no wrapper. */
  wrapForward: ForwardHook<Tensor, Tensor> | null = null;

  constructor(
    { hiddenSize, hiddenAct }: MlpConfig,
    intermediateSize: number,
    { bias = false, gating = gatingOf(hiddenAct) }: GatedMlpOptions = {},
  ) {
    super();
    this.gateProj = new Linear(hiddenSize, intermediateSize, { bias });
    this.upProj = new Linear(hiddenSize, intermediateSize, { bias });
    this.downProj = new Linear(intermediateSize, hiddenSize, { bias });
    this.gating = gating;
  }

  /** @param x `[…, M]` @returns the same shape */
  forward<T extends Tensor>(x: T): T {
    const { wrapForward } = this;
    return (wrapForward ? wrapForward(x, (input) => this.#run(input)) : this.#run(x)) as T;
  }

  #run(x: Tensor): Tensor {
    const { gateProj, upProj, downProj } = this;
    if (!(gateProj.canFuse && upProj.canFuse && downProj.canFuse))
      return downProj.forward(gate(gateProj.forward(x), upProj.forward(x), this.gating));
    const weights = {
      gate: gateProj.weight.weight,
      up: upProj.weight.weight,
      down: downProj.weight.weight,
      gateBias: gateProj.bias?.vector,
      upBias: upProj.bias?.vector,
      downBias: downProj.bias?.vector,
    };
    return gatedMlp(x, weights, this.gating);
  }
}
