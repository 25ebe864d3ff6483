import { chooseExperts, type RoutingSpec, takeAlongAxis, topKIndices } from "@mixtape/ops";
import {
  add,
  cast,
  div,
  equal,
  greaterEqual,
  maximum,
  mul,
  type Scalar,
  scalar,
  sum,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tidy,
} from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import { Linear } from "../linear.js";
import { Module } from "../module.js";
import type { Param } from "../param.js";
import { biasSteps, countExperts, meanSquareLogSumExp, switchLoss } from "./balance.js";
import { tokenMaskOf } from "./captured-routing.js";
import { selectWithin } from "./constrain.js";
import type { CapturedRouting, Routing, RoutingContext, TokenRouter } from "./routing.js";

/** Part of a config that a router uses. */
export interface RouterConfig {
  readonly hiddenSize: number;
  /** Number of routed experts per layer. */
  readonly numExperts: number;
  /** Number of routed experts per token. */
  readonly numExpertsPerTok: number;
}

/**
 * Routes each token to experts by the scores of a linear gate. `route` is a template; a router overrides its hooks:
 * `gateLogits`, `score`, `selectionScores`, `selectExperts`, `normalizeWeights`. The losses follow from its own scores.
 */
export abstract class Router<C extends RouterConfig = RouterConfig> extends Module implements TokenRouter {
  protected readonly config: C;
  readonly gate: Linear;

  constructor(config: C) {
    super();
    this.config = config;
    this.gate = this.buildGate(config);
  }

  get numExperts(): number {
    return this.config.numExperts;
  }

  /**
   * Selects the experts of each token.
   * @param x `[T, M]`
   */
  route(x: Tensor2D, context: RoutingContext = {}): Routing {
    return this.routeLogits(this.gateLogits(x, context), context);
  }

  /**
   * Selects the experts of each token by logits, such as those of a captured routing or of another gate.
   * @param logits `[T, E]`
   */
  routeLogits(logits: Tensor2D, context: RoutingContext = {}): Routing {
    const { routingSpec } = this;
    const { constraint } = context;
    if (routingSpec && !constraint) return { logits, ...chooseExperts(logits, routingSpec) };
    const scores = this.score(logits);
    const select = (among: Tensor2D): Tensor2D => this.selectExperts(among, context);
    const selection = this.selectionScores(scores);
    const indices = constraint ? selectWithin(constraint, selection, select) : select(selection);
    const mayLeaveSlots = constraint || this.selectExperts !== Router.prototype.selectExperts;
    const chosen = mayLeaveSlots ? takeUsed(scores, indices) : takeAlongAxis(scores, indices);
    return { logits, indices, weights: this.normalizeWeights(chosen) };
  }

  /**
   * Returns the fraction of each expert in a token's scores. Override it if scores may be negative.
   * @param logits `[T, E]` @returns `[T, E]`, each row sums to 1
   */
  routingProbabilities(logits: Tensor2D): Tensor2D {
    const scores = this.score(logits);
    return div(scores, sum(scores, 1, true));
  }

  expertCounts(routing: CapturedRouting): Tensor1D {
    return countExperts(routing.indices, this.numExperts, tokenMaskOf(routing));
  }

  loadBalancingLoss(routings: readonly CapturedRouting[]): Scalar {
    return switchLoss(routings);
  }

  zLoss(routings: readonly CapturedRouting[]): Scalar {
    return meanSquareLogSumExp(routings);
  }

  get balancingBias(): Param | null {
    return null;
  }

  /** @throws {LayersError} if there is not one count per expert. */
  updateBias(counts: readonly number[], rate: number): void {
    const bias = this.balancingBias;
    if (!bias) return;
    if (counts.length !== this.numExperts)
      throw new LayersError({ where: "updateBias", expected: `${this.numExperts} counts`, got: `${counts.length}` });
    tidy(() => bias.assign([add(bias.vector, tensor1d(biasSteps(counts, rate)))]));
  }

  /**
   * The hooks as an op that engines run in one kernel; null if there is no such op. A class returns it only if its own
   * hooks are used: see {@link hasHooksOf}.
   */
  protected get routingSpec(): RoutingSpec | null {
    return null;
  }

  /** Whether no subclass has overridden a hook of that class. */
  protected hasHooksOf({ prototype }: { readonly prototype: Router }): boolean {
    return (
      this.score === prototype.score &&
      this.selectionScores === prototype.selectionScores &&
      this.selectExperts === prototype.selectExperts &&
      this.normalizeWeights === prototype.normalizeWeights
    );
  }

  /** Builds the gate. Called by the constructor: it must not read `this`. */
  protected buildGate({ hiddenSize, numExperts }: C): Linear {
    return new Linear(hiddenSize, numExperts);
  }

  /**
   * Computes the logits of the gate. A router with noise adds it here, with `gaussianNoise` of `@mixtape/ops`, which is
   * off outside training.
   * @param x `[T, M]` @returns `[T, E]`
   */
  protected gateLogits(x: Tensor2D, _context: RoutingContext = {}): Tensor2D {
    return this.gate.forward(x);
  }

  /** Converts logits to scores, which are not negative. @param logits `[T, E]` @returns `[T, E]` */
  protected abstract score(logits: Tensor2D): Tensor2D;

  /** Returns the scores for the selection. Default: the scores themselves. @param scores `[T, E]` @returns `[T, E]` */
  protected selectionScores(scores: Tensor2D): Tensor2D {
    return scores;
  }

  /**
   * Selects the experts of each token. Default: the K with the largest scores; the first of equal ones.
   * @param scores `[T, E]`, from `selectionScores`
   * @returns int32 `[T, K]`, −1 in an unused slot
   */
  protected selectExperts(scores: Tensor2D, _context: RoutingContext): Tensor2D {
    return topKIndices(scores, this.config.numExpertsPerTok);
  }

  /**
   * Returns the weights of the selected experts. Default: their scores, normalised to sum to 1. @param chosen `[T, K]`,
   * 0 in unused slots @returns `[T, K]`
   */
  protected normalizeWeights(chosen: Tensor2D): Tensor2D {
    const total = sum(chosen, 1, true);
    // A token without experts has weights of 0, not 0 / 0.
    return div(chosen, add(total, cast(equal(total, 0), "float32")));
  }
}

/** `takeAlongAxis` with 0 at index −1. */
function takeUsed(scores: Tensor2D, indices: Tensor2D): Tensor2D {
  return mul(takeAlongAxis(scores, maximum(indices, scalar(0, "int32"))), cast(greaterEqual(indices, 0), "float32"));
}
