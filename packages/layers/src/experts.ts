import { type ExpertsStrategy, experts, type Gating, type Routed } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";
import { gatingOf } from "./activations.js";
import type { ForwardHook } from "./forward-hook.js";
import type { GatedMlpOptions, MlpConfig } from "./gated-mlp.js";
import { Module } from "./module.js";
import { Param } from "./param.js";

/** Part of a config that routed experts use. */
export interface ExpertsConfig extends MlpConfig {
  /** Number of routed experts in a layer. */
  readonly numExperts: number;
  /**
   * Width of one expert. Configs of every family have it under this name, Mixtral's too, which computes it from `intermediateSize`.
   */
  readonly moeIntermediateSize: number;
}

/**
 * Routed experts, each a gated MLP, with stacked weights: `gateProj` and `upProj` `[E, I, M]`, `downProj` `[E, M, I]`,
 * and with biases `gateProjBias` and `upProjBias` `[E, I]`, `downProjBias` `[E, M]`.
 */
export class Experts extends Module {
  readonly gateProj: Param;
  readonly upProj: Param;
  readonly downProj: Param;
  readonly gateProjBias: Param | null;
  readonly upProjBias: Param | null;
  readonly downProjBias: Param | null;
  readonly gating: Gating;
  /** Wraps `forward`; null for no wrapper. */
  wrapForward: ForwardHook<Routed, Tensor2D> | null = null;

  constructor(
    { numExperts, hiddenSize, moeIntermediateSize, hiddenAct }: ExpertsConfig,
    { bias = false, gating = gatingOf(hiddenAct) }: GatedMlpOptions = {},
  ) {
    super();
    const biasOf = (size: number) => (bias ? new Param([numExperts, size], "vectors", "zeros") : null);
    this.gateProj = new Param([numExperts, moeIntermediateSize, hiddenSize], "stack");
    this.upProj = new Param([numExperts, moeIntermediateSize, hiddenSize], "stack");
    this.downProj = new Param([numExperts, hiddenSize, moeIntermediateSize], "stack");
    this.gateProjBias = biasOf(moeIntermediateSize);
    this.upProjBias = biasOf(moeIntermediateSize);
    this.downProjBias = biasOf(hiddenSize);
    this.gating = gating;
  }

  /**
   * @param strategy strategy to run them. Default: the engine's best
   * @returns `[T, M]`, each token's experts weighted and summed
   */
  forward(routed: Routed, strategy?: ExpertsStrategy): Tensor2D {
    const { wrapForward } = this;
    return wrapForward ? wrapForward(routed, (input) => this.#run(input, strategy)) : this.#run(routed, strategy);
  }

  #run(routed: Routed, strategy: ExpertsStrategy | undefined): Tensor2D {
    const stacks = {
      gate: this.gateProj.weight,
      up: this.upProj.weight,
      down: this.downProj.weight,
      gateBias: this.gateProjBias?.vectors,
      upBias: this.upProjBias?.vectors,
      downBias: this.downProjBias?.vectors,
    };
    return experts(routed, stacks, this.gating, strategy);
  }
}
