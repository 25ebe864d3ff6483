import { chooseExperts, type ExpertChoice, takeAlong, topKIndices } from "@mixtape/ops";
import { div, sum, type Tensor2D } from "@tensorflow/tfjs-core";
import { Linear } from "./linear.js";
import { Module } from "./module.js";

/** The part of a config that a router needs. */
export interface RouterConfig {
  readonly hiddenSize: number;
  readonly numExperts: number;
  readonly numExpertsPerTok: number;
}

/** Where tokens go. T tokens, E experts, K experts per token. */
export interface Routing {
  /** `[T, E]`, what the gate said, before any score */
  readonly logits: Tensor2D;
  /** int32 `[T, K]` */
  readonly indices: Tensor2D;
  /** `[T, K]` */
  readonly weights: Tensor2D;
}

/**
 * Chooses each token's experts. `route` is the template; a router is the hooks that it overrides: `score` turns logits into
 * scores, `rank` says by what experts are chosen, `weigh` turns the scores of the chosen into weights.
 */
export abstract class Router<C extends RouterConfig = RouterConfig> extends Module {
  protected readonly config: C;
  readonly gate: Linear;

  constructor(config: C) {
    super();
    this.config = config;
    this.gate = new Linear(config.hiddenSize, config.numExperts);
  }

  /** @param x `[T, M]` */
  route(x: Tensor2D): Routing {
    const logits = this.gate.forward(x);
    const { choice } = this;
    if (choice) return { logits, ...chooseExperts(logits, choice) };
    const scores = this.score(logits);
    const indices = topKIndices(this.rank(scores), this.config.numExpertsPerTok);
    return { logits, indices, weights: this.weigh(takeAlong(scores, indices)) };
  }

  /**
   * What the hooks do as an op that engines run in one kernel; null where there is no such op. A class that says it says so
   * for its own hooks alone: see {@link hasHooksOf}.
   */
  protected get choice(): ExpertChoice | null {
    return null;
  }

  /** Whether no subclass has overridden a hook of that class. */
  protected hasHooksOf({ prototype }: { readonly prototype: Router }): boolean {
    return this.score === prototype.score && this.rank === prototype.rank && this.weigh === prototype.weigh;
  }

  /** @param logits `[T, E]` @returns `[T, E]` */
  protected abstract score(logits: Tensor2D): Tensor2D;

  /** By what the K experts are chosen: the scores themselves. @param scores `[T, E]` @returns `[T, E]` */
  protected rank(scores: Tensor2D): Tensor2D {
    return scores;
  }

  /** The weights of the chosen experts: their scores, made to sum to 1. @param chosen `[T, K]` @returns `[T, K]` */
  protected weigh(chosen: Tensor2D): Tensor2D {
    return div(chosen, sum(chosen, 1, true));
  }
}
