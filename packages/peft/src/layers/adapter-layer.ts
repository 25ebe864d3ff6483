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

/** What is known of the rows that a piece gets. */
export interface Rows {
  /** Which of the site's matrices each row meets; null where there is one. */
  readonly groups: RowGroups | null;
  /** `[N, E]`: by which expert of a mixture each row goes, where the router of a feed-forward has decided that. */
  readonly assignment: Tensor2D | null;
  /** By what the piece's random numbers are told from others': they do not depend on what else is in the batch. */
  readonly label: string;
  /** Takes the logits of a piece's own router `[N, E]`. */
  readonly onRouting: ((logits: Tensor2D) => void) | null;
}

/** How a piece's low-rank update is made. */
export interface UpdateOptions {
  readonly rank: number;
  /** What the update is multiplied by. */
  readonly scale: number;
  /** How often a number of the input is left out in training. */
  readonly dropout: number;
  /** How many updates of that rank lie side by side: the experts of a mixture. Default 1. */
  readonly experts?: number;
  /** Whether a bias is added to the update before it is scaled (`lora_bias` of Hugging Face peft). Default false. */
  readonly bias?: boolean;
}

/**
 * What an adapter does at a site, made of a low-rank update: `s · B·A·x` (Hu et al. 2021, https://arxiv.org/abs/2106.09685), or
 * of E of them side by side, `s · Σ_e w_e · B_e·A_e·x`. A is `[E·r, in]`, expert by expert, and B `[out, E·r]`; at routed
 * experts either is a stack of one per expert.
 */
export abstract class AdapterLayer extends Module {
  readonly loraA: Param;
  readonly loraB: Param;
  readonly loraBias: Param | null;
  readonly options: Required<UpdateOptions>;
  /** Whether it stands at the embedding, whose input is ids: A is a table `[in, r]` there. */
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
   * @param x what goes into the base's map, `[N, in]`; ids `[N, 1]` for the embedding
   * @param y what the base's map gives, `[N, out]`
   * @returns `[N, out]`
   */
  abstract forward(x: Tensor2D, y: Tensor2D, rows: Rows): Tensor2D;

  /**
   * Makes, of the base's matrix `[out, in]` or stack `[E, out, in]`, the one that does what base and piece do together.
   * Undefined where there is none: where the update depends on the input in other ways.
   */
  get merged(): ((base: Tensor) => Tensor) | undefined {
    return undefined;
  }

  /**
   * `s·B·A`, of E updates of a mixture the sum: `[out, in]` or `[E, out, in]`, and `[in, out]` for the embedding. The caller
   * disposes it.
   */
  get product(): Tensor {
    return tidy(() => {
      const [a, b] = [logicalTensor(this.loraA.weight), logicalTensor(this.loraB.weight)];
      return mul(this.isEmbedding ? matMul(a, b, false, true) : matMul(b, a), this.options.scale);
    });
  }

  /**
   * The update of some rows. In training, numbers of the input are left out of it.
   * @param weights how much each of E updates counts for each row, `[N, E]`; 1 where absent
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

/** Runs `f` with random numbers of its own, where there are any. */
export function withSplitRng<T>(label: string, f: () => T): T {
  return withRng(currentRng()?.split(label), f);
}

/** A matrix, or at routed experts a stack of one for each of them, even of one. */
export function matrixParam({ kind, matrices }: TargetModule, rows: number, columns: number): Param {
  return kind === "experts" ? new Param([matrices, rows, columns], "stack") : new Param([rows, columns], "matrix");
}

/** `x·Wᵀ`, by the matrix that each row meets. */
export function times(x: Tensor2D, { weight }: Param, groups: RowGroups | null): Tensor2D {
  return groups ? groupedLinear(x, weight, groups) : linear(x, weight);
}

/** What each of E updates makes of the input, `[N, E·r]`, times what it counts. */
function weightExperts(inner: Tensor2D, weights: Tensor2D, rank: number, experts: number): Tensor2D {
  const [n] = inner.shape;
  const weighed = mul(reshape(inner, [n, experts, rank]), reshape(weights, [n, experts, 1]));
  return reshape(weighed, [n, experts * rank]);
}
