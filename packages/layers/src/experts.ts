import { type Activation, type ExpertsStrategy, experts, type Routed } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";
import type { Around } from "./around.js";
import type { MlpConfig } from "./gated-mlp.js";
import { Module } from "./module.js";
import { Param } from "./param.js";

/** The part of a config that routed experts need. */
export type ExpertsConfig = MlpConfig & { readonly numExperts: number; readonly moeIntermediateSize: number };

/** Routed experts, each a gated MLP, their matrices stacked: `gateProj` and `upProj` `[E, I, M]`, `downProj` `[E, M, I]`. */
export class Experts extends Module {
  readonly gateProj: Param;
  readonly upProj: Param;
  readonly downProj: Param;
  readonly activation: Activation;
  /** What stands around `forward`; nothing where null. */
  around: Around<Routed, Tensor2D> | null = null;

  constructor({ numExperts, hiddenSize, moeIntermediateSize, hiddenAct }: ExpertsConfig) {
    super();
    this.gateProj = new Param([numExperts, moeIntermediateSize, hiddenSize], "stack");
    this.upProj = new Param([numExperts, moeIntermediateSize, hiddenSize], "stack");
    this.downProj = new Param([numExperts, hiddenSize, moeIntermediateSize], "stack");
    this.activation = hiddenAct;
  }

  /**
   * @param strategy how to run them; what suits the engine where absent
   * @returns `[T, M]`, each token's experts weighted and summed
   */
  forward(routed: Routed, strategy?: ExpertsStrategy): Tensor2D {
    const { around } = this;
    return around ? around(routed, (input) => this.#run(input, strategy)) : this.#run(routed, strategy);
  }

  #run(routed: Routed, strategy: ExpertsStrategy | undefined): Tensor2D {
    const stacks = { gate: this.gateProj.weight, up: this.upProj.weight, down: this.downProj.weight };
    return experts(routed, stacks, this.activation, strategy);
  }
}
