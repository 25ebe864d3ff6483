import { Module, Param } from "@mixtape/layers";
import { linear } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";

/** By which experts of a mixture the rows of a feed-forward go: k ways each. */
export interface Ways {
  readonly k: number;
  /** `[N·k, E]`, row by row: 1 at the expert of each way */
  readonly choice: Tensor2D;
  /** `[N, k]`: what each way counts; 0 for one that is not gone */
  readonly weights: Tensor2D;
}

/**
 * The router of a feed-forward whose experts are the frozen feed-forward itself, each with updates of its own on gate, up and
 * down (Li et al. 2024, https://arxiv.org/abs/2404.15159).
 */
export abstract class Mixture extends Module {
  /** `[E, M]` */
  readonly gate: Param;
  readonly experts: number;

  constructor(experts: number, hiddenSize: number) {
    super();
    this.experts = experts;
    this.gate = new Param([experts, hiddenSize], "matrix");
  }

  /**
   * @param x `[N, M]`
   * @param perSequence how many rows a sequence has
   * @param onRouting takes the logits `[N, E]`
   */
  route(x: Tensor2D, perSequence: number, onRouting: ((logits: Tensor2D) => void) | null): Ways {
    const logits = linear(x, this.gate.weight);
    onRouting?.(logits);
    return this.ways(logits, perSequence);
  }

  /** @param logits `[N, E]` */
  protected abstract ways(logits: Tensor2D, perSequence: number): Ways;
}
