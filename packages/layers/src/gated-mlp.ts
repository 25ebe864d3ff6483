import type { DecoderConfig } from "@mixtape/config";
import { type Activation, gate, gatedMlp } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Around } from "./around.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";

/** The part of a config that a feed-forward needs. */
export type MlpConfig = Pick<DecoderConfig, "hiddenSize" | "hiddenAct">;

/** The gated feed-forward of Llama and its kin, SwiGLU with silu: `down(act(gate(x)) · up(x))`. */
export class GatedMlp extends Module {
  readonly gateProj: Linear;
  readonly upProj: Linear;
  readonly downProj: Linear;
  readonly activation: Activation;
  /** What stands around `forward`; nothing where null. */
  around: Around<Tensor, Tensor> | null = null;

  constructor({ hiddenSize, hiddenAct }: MlpConfig, intermediateSize: number) {
    super();
    this.gateProj = new Linear(hiddenSize, intermediateSize);
    this.upProj = new Linear(hiddenSize, intermediateSize);
    this.downProj = new Linear(intermediateSize, hiddenSize);
    this.activation = hiddenAct;
  }

  /** @param x `[…, M]` @returns the same shape */
  forward<T extends Tensor>(x: T): T {
    const { around } = this;
    return (around ? around(x, (input) => this.#run(input)) : this.#run(x)) as T;
  }

  #run(x: Tensor): Tensor {
    const { gateProj, upProj, downProj } = this;
    if (!(gateProj.isPlain && upProj.isPlain && downProj.isPlain))
      return downProj.forward(gate(gateProj.forward(x), upProj.forward(x), this.activation));
    const weights = { gate: gateProj.weight.weight, up: upProj.weight.weight, down: downProj.weight.weight };
    return gatedMlp(x, weights, this.activation);
  }
}
