import { Module, type Param, type Router } from "@mixtape/layers";
import { jitter, oneHot, reshape } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";
import { withSplitRng } from "../layers/adapter-layer.js";
import type { MixtureContext } from "./build-router.js";

/** Top-k expert assignment of each row of a feed-forward, k slots a row. */
export interface TopKAssignment {
  readonly k: number;
  /** `[N·k, E]`, row by row: 1 at the expert of each slot */
  readonly oneHot: Tensor2D;
  /** `[N, k]`: weight of each slot; 0 for one that is not used */
  readonly weights: Tensor2D;
}

/** Training options of a mixture. */
export interface MixLoraOptions {
  /** ε: in training, the router's input is multiplied by uniform samples from `1 − ε` to `1 + ε`. */
  readonly jitter: number;
  /** Dropout probability of the output. */
  readonly dropout: number;
}

/** Rows that a MixLoRA router routes. */
export interface RoutedRows extends Required<Pick<MixtureContext, "sequences">> {
  /** Seed salt. */
  readonly label: string;
  /** Called with the logits `[N, E]`. */
  readonly onRouting: (logits: Tensor2D) => void;
}

/**
 * MixLoRA router of a feed-forward whose experts are the frozen feed-forward, each with its own updates of gate, up and down (Li
 * et al. 2024, https://arxiv.org/abs/2404.15159).
 */
export class MixLoraRouter extends Module {
  /** Weight of the router's gate, `[E, M]`. */
  readonly gate: Param;
  readonly options: MixLoraOptions;
  readonly #router: Router;

  constructor(router: Router, options: MixLoraOptions) {
    super();
    this.#router = router;
    this.gate = router.gate.weight;
    this.options = options;
  }

  /** @param x `[N, M]` */
  route(x: Tensor2D, { sequences, label, onRouting }: RoutedRows): TopKAssignment {
    const moved = withSplitRng(label, () => jitter(x, this.options.jitter));
    const context: MixtureContext = { sequences };
    const { logits, indices, weights } = this.#router.route(moved, context);
    onRouting(logits);
    const assignment = oneHot(reshape(indices, [indices.size]), this.#router.numExperts) as Tensor2D;
    return { k: indices.shape[1], oneHot: assignment, weights };
  }
}

/** Router with the name of its feed-forward. */
export interface NamedRouter {
  readonly name: string;
  readonly router: MixLoraRouter;
}
