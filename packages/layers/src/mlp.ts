import { type Activation, activate } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";
import { activationOf } from "./activations.js";
import type { MlpConfig } from "./gated-mlp.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";

/** Options of an MLP without a gate. */
export interface MlpOptions {
  /** Whether both linear layers have biases. Default: false. */
  readonly bias?: boolean;
  /** Default: the activation of `hidden_act`. */
  readonly activation?: Activation;
}

/** A feed-forward without a gate, as in the Transformer (Vaswani et al. 2017, section 3.3): `down(act(up(x)))`. */
export class Mlp extends Module {
  readonly upProj: Linear;
  readonly downProj: Linear;
  readonly activation: Activation;

  constructor(
    { hiddenSize, hiddenAct }: MlpConfig,
    intermediateSize: number,
    { bias = false, activation = activationOf(hiddenAct) }: MlpOptions = {},
  ) {
    super();
    this.upProj = new Linear(hiddenSize, intermediateSize, { bias });
    this.downProj = new Linear(intermediateSize, hiddenSize, { bias });
    this.activation = activation;
  }

  /** @param x `[…, M]` @returns the same shape */
  forward<T extends Tensor>(x: T): T {
    return this.downProj.forward(activate(this.upProj.forward(x), this.activation));
  }
}
