import { Module, Param } from "@mixtape/layers";
import {
  currentRng,
  dropout,
  embedding,
  groupedLinear,
  linear,
  logicalTensor,
  type RowGroups,
  reshape,
  withRng,
} from "@mixtape/ops";
import { add, matMul, mul, type Tensor, type Tensor2D, tidy } from "@tensorflow/tfjs-core";
import type { TargetModule } from "../targets/target-module.js";

/** Rows of an adapter layer. */
export interface Rows {
  /** Matrix of the target module for each row; null if there is one. */
  readonly groups: RowGroups | null;
  /** `[N, E]`: expert of each row, if a MixLoRA router has chosen one. */
  readonly assignment: Tensor2D | null;
  /** Seed salt: random numbers do not depend on what else is in the batch. */
  readonly label: string;
  /** Receives the logits of the layer's own router, `[N, E]`. */
  readonly onRouting: ((logits: Tensor2D) => void) | null;
}

/** Options of a low-rank update. */
export interface UpdateOptions {
  readonly rank: number;
  /** Factor on the update. */
  readonly scale: number;
  /** Dropout probability of the input in training. */
  readonly dropout: number;
  /** Number of updates of that rank: the experts of a mixture. Default: 1. */
  readonly experts?: number;
  /** True if a bias is added to the update before it is scaled (`lora_bias` of Hugging Face peft). Default false. */
  readonly bias?: boolean;
}

/**
 * Adapter layer at a target module, a low-rank update: `s · B·A·x` (Hu et al. 2021, https://arxiv.org/abs/2106.09685), or E of
 * them, `s · Σ_e w_e · B_e·A_e·x`. A is `[E·r, in]`, expert by expert, and B `[out, E·r]`; at routed experts both are stacks of
 * one per expert.
 */
export abstract class AdapterLayer extends Module {
  readonly loraA: Param;
  readonly loraB: Param;
  readonly loraBias: Param | null;
  readonly options: Required<UpdateOptions>;
  /** True if it stands at the embedding, whose input is ids: A is a table `[in, r]` there. */
  readonly isEmbedding: boolean;
  readonly #paddingIdx: number | null;

  constructor(target: TargetModule, options: UpdateOptions) {
    super();
    const { kind, inFeatures, outFeatures, paddingIdx } = target;
    this.options = { experts: 1, bias: false, ...options };
    this.isEmbedding = kind === "embedding";
    this.#paddingIdx = paddingIdx;
    const width = this.options.experts * options.rank;
    this.loraA = this.isEmbedding ? new Param([inFeatures, width], "table") : matrixParam(target, width, inFeatures);
    this.loraB = matrixParam(target, outFeatures, width);
    this.loraBias = this.options.bias ? new Param([outFeatures], "vector", "zeros") : null;
  }

  /**
   * @param x input of the base, `[N, in]`; ids `[N, 1]` for the embedding
   * @param y output of the base, `[N, out]`
   * @returns `[N, out]`
   */
  abstract forward(x: Tensor2D, y: Tensor2D, rows: Rows): Tensor2D;

  /**
   * Computes the merged matrix `[out, in]` or stack `[E, out, in]` from the base's. Undefined if the update depends on the input
   * in other ways.
   */
  get merged(): ((base: Tensor) => Tensor) | undefined {
    return undefined;
  }

  /**
   * `s·B·A`, or the sum over the experts of a mixture: `[out, in]` or `[E, out, in]`, and `[in, out]` for the embedding. The
   * caller disposes it.
   */
  get product(): Tensor {
    return tidy(() => {
      const [a, b] = [logicalTensor(this.loraA.weight), logicalTensor(this.loraB.weight)];
      return mul(this.isEmbedding ? matMul(a, b, false, true) : matMul(b, a), this.options.scale);
    });
  }

  /**
   * Computes the update of some rows, with dropout of the input in training.
   * @param weights weight of each of E updates for each row, `[N, E]`. Default: 1
   * @returns `[N, out]`
   */
  protected update(x: Tensor2D, { groups, label }: Rows, weights?: Tensor2D | null): Tensor2D {
    const { rank, scale, experts } = this.options;
    const inner = this.#inner(x, groups, label);
    const outer = times(weights ? weightExperts(inner, weights, rank, experts) : inner, this.loraB, groups);
    return mul(this.loraBias ? add(outer, this.loraBias.vector) : outer, scale);
  }

  #inner(x: Tensor2D, groups: RowGroups | null, label: string): Tensor2D {
    // As in peft, ids are not dropped.
    if (this.isEmbedding) return embedding(reshape(x, [x.size]), this.loraA.weight, { paddingIdx: this.#paddingIdx });
    const dropped = withSplitRng(label, () => dropout(x, this.options.dropout));
    return times(dropped, this.loraA, groups);
  }
}

/** Runs `f` with a split of the current generator, if there is one. */
export function withSplitRng<T>(label: string, f: () => T): T {
  return withRng(currentRng()?.split(label), f);
}

/** Creates a matrix, or at routed experts a stack of one per expert. */
export function matrixParam({ kind, matrices }: TargetModule, rows: number, columns: number): Param {
  return kind === "experts" ? new Param([matrices, rows, columns], "stack") : new Param([rows, columns], "matrix");
}

/** Computes `x·Wᵀ`, with the matrix of each row. */
export function times(x: Tensor2D, { weight }: Param, groups: RowGroups | null): Tensor2D {
  return groups ? groupedLinear(x, weight, groups) : linear(x, weight);
}

/** Multiplies the E inner results of each row, `[N, E·r]`, by their weights. */
function weightExperts(inner: Tensor2D, weights: Tensor2D, rank: number, experts: number): Tensor2D {
  const [n] = inner.shape;
  const weighed = mul(reshape(inner, [n, experts, rank]), reshape(weights, [n, experts, 1]));
  return reshape(weighed, [n, experts * rank]);
}
