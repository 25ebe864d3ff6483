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

/** The part of a config that a router needs. */
export interface RouterConfig {
  readonly hiddenSize: number;
  /** Number of routed experts in a layer. */
  readonly numExperts: number;
  /** Number of routed experts that a token is sent to. */
  readonly numExpertsPerTok: number;
}

/**
 * Sends each token to experts by the scores of a linear gate. `route` is a template; a router is the hooks that it overrides:
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
   * Chooses the experts of each token.
   * @param x `[T, M]`
   */
  route(x: Tensor2D, context: RoutingContext = {}): Routing {
    return this.routeLogits(this.gateLogits(x, context), context);
  }

  /**
   * Chooses the experts of each token by logits, such as those of a captured routing or of a gate elsewhere.
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
   * Share of each expert in a token's scores. A router whose scores may be negative overrides it.
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
   * The hooks as an op that engines run in one kernel; null if there is no such op. A class returns it for its own hooks alone:
   * see {@link hasHooksOf}.
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

  /** Makes the gate. Called by the constructor: it must not read `this`. */
  protected buildGate({ hiddenSize, numExperts }: C): Linear {
    return new Linear(hiddenSize, numExperts);
  }

  /**
   * Logits of the gate. A router with noise adds it here, by `gaussianNoise` of `@mixtape/ops`, which is off outside of training.
   * @param x `[T, M]` @returns `[T, E]`
   */
  protected gateLogits(x: Tensor2D, _context: RoutingContext = {}): Tensor2D {
    return this.gate.forward(x);
  }

  /** Turns logits into scores, which are not negative. @param logits `[T, E]` @returns `[T, E]` */
  protected abstract score(logits: Tensor2D): Tensor2D;

  /** Scores that experts are selected by. Default: the scores themselves. @param scores `[T, E]` @returns `[T, E]` */
  protected selectionScores(scores: Tensor2D): Tensor2D {
    return scores;
  }

  /**
   * Selects the experts of each token. Default: the K with the largest scores, of equal ones the first.
   * @param scores `[T, E]`, from `selectionScores`
   * @returns int32 `[T, K]`, −1 in a slot that the token does not use
   */
  protected selectExperts(scores: Tensor2D, _context: RoutingContext): Tensor2D {
    return topKIndices(scores, this.config.numExpertsPerTok);
  }

  /** Weights of the selected experts. Default: their scores, made to sum to 1. @param chosen `[T, K]`, 0 in unused slots @returns `[T, K]` */
  protected normalizeWeights(chosen: Tensor2D): Tensor2D {
    const total = sum(chosen, 1, true);
    // A token without experts has the weights 0, not 0 / 0.
    return div(chosen, add(total, cast(equal(total, 0), "float32")));
  }
}

/** `takeAlongAxis` that gives 0 at index −1. */
function takeUsed(scores: Tensor2D, indices: Tensor2D): Tensor2D {
  return mul(takeAlongAxis(scores, maximum(indices, scalar(0, "int32"))), cast(greaterEqual(indices, 0), "float32"));
}
