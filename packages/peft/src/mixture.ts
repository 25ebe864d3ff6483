import { Module, Param } from "@mixtape/layers";
import { jitter, linear, oneHot, reshape } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";
import { withOwnRandomness } from "./piece.js";
import type { Texts } from "./texts.js";

/** By which experts of a mixture the rows of a feed-forward go: k ways each. */
export interface Ways {
  readonly k: number;
  /** `[N·k, E]`, row by row: 1 at the expert of each way */
  readonly choice: Tensor2D;
  /** `[N, k]`: what each way counts; 0 for one that is not gone */
  readonly weights: Tensor2D;
}

/** How a mixture is made. */
export interface MixtureOptions {
  readonly experts: number;
  readonly hiddenSize: number;
  /** How far the router's input is moved in training. */
  readonly jitter: number;
  /** How often a number of the output is left out in training. */
  readonly dropout: number;
}

/** What is known of the rows that a mixture routes. */
export interface RoutedRows {
  /** The texts that they belong to. */
  readonly texts: () => Texts;
  /** By what its random numbers are told from others'. */
  readonly label: string;
  /** Takes the logits `[N, E]`. */
  readonly onRouting: (logits: Tensor2D) => void;
}

/**
 * The router of a feed-forward whose experts are the frozen feed-forward itself, each with updates of its own on gate, up and
 * down (Li et al. 2024, https://arxiv.org/abs/2404.15159).
 */
export abstract class Mixture extends Module {
  /** `[E, M]` */
  readonly gate: Param;
  readonly options: MixtureOptions;

  constructor(options: MixtureOptions) {
    super();
    this.options = options;
    this.gate = new Param([options.experts, options.hiddenSize], "matrix");
  }

  get experts(): number {
    return this.options.experts;
  }

  /** @param x `[N, M]` */
  route(x: Tensor2D, { texts, label, onRouting }: RoutedRows): Ways {
    const moved = withOwnRandomness(label, () => jitter(x, this.options.jitter));
    const logits = linear(moved, this.gate.weight);
    onRouting(logits);
    return this.ways(logits, texts);
  }

  /** @param logits `[N, E]` */
  protected abstract ways(logits: Tensor2D, texts: () => Texts): Ways;

  /** @param indices `[N, k]` @returns `[N·k, E]` */
  protected choiceOf(indices: Tensor2D): Tensor2D {
    return oneHot(reshape(indices, [indices.size]), this.experts) as Tensor2D;
  }
}

/** The router of a feed-forward, with the name of the feed-forward. */
export interface NamedMixture {
  readonly name: string;
  readonly mixture: Mixture;
}
