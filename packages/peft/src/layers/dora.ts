import { Param } from "@mixtape/layers";
import { isDeferring, logicalTensor, noGrad, type Weight } from "@mixtape/ops";
import {
  add,
  concat,
  div,
  gather,
  keep,
  maximum,
  mul,
  reshape,
  scalar,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tidy,
} from "@tensorflow/tfjs-core";
import type { TargetModule } from "../targets/target-module.js";
import { AdapterLayer, type Rows, type UpdateOptions } from "./adapter-layer.js";

/**
 * DoRA: `(m / ‖W + s·B·A‖) · (W·x + s·B·A·x) + b`, a magnitude per output that is trained, and a norm that is a constant to the
 * gradient (Liu et al. 2024, https://arxiv.org/abs/2402.09353, section 4.3).
 */
export class Dora extends AdapterLayer {
  /** `[out]`; of routed experts, one after the other, `[E · out]` */
  readonly magnitude: Param;
  readonly #target: TargetModule;
  #known: { readonly of: readonly Weight[]; readonly norms: Tensor1D } | null = null;

  constructor(target: TargetModule, options: UpdateOptions) {
    super(target, options);
    this.#target = target;
    this.magnitude = new Param([target.matrices * target.outFeatures], "vector", "ones");
  }

  override forward(x: Tensor2D, y: Tensor2D, rows: Rows): Tensor2D {
    const { groups } = rows;
    const { matrices, outFeatures, linear } = this.#target;
    const bias = linear?.bias?.vector;
    const scales = div(this.magnitude.vector, this.#currentNorms());
    // A row without a matrix, -1, is zeros: any scale will do.
    const matrixOf = groups && (maximum(groups.ids, scalar(0, "int32")) as Tensor1D);
    const scale = matrixOf ? (gather(reshape(scales, [matrices, outFeatures]), matrixOf) as Tensor2D) : scales;
    const sum = mul(add(bias ? sub(y, bias) : y, this.update(x, rows)), scale) as Tensor2D;
    return bias ? add(sum, bias) : sum;
  }

  override get merged(): (base: Tensor) => Tensor {
    return (base) =>
      tidy(() => {
        const scales = div(this.magnitude.vector, this.norms());
        const shape = this.isEmbedding ? [1, scales.size] : [...base.shape.slice(0, -1), 1];
        return mul(add(base, this.product), reshape(scales, shape));
      });
  }

  /**
   * Computes the norm of each row of `W + s·B·A`, of each column at the embedding: the initial magnitude. The caller disposes it.
   * @returns `[E · out]`
   */
  norms(): Tensor1D {
    return noGrad(() =>
      tidy(() => {
        const rows = add(baseOf(this.#target), this.product);
        return reshape(sqrt(sum(square(rows), this.isEmbedding ? 0 : -1)), [this.magnitude.size]) as Tensor1D;
      }),
    );
  }

  override dispose(): void {
    super.dispose();
    this.#forget();
  }

  /** Returns the norms; while the adapter is frozen they are computed once. */
  #currentNorms(): Tensor1D {
    const of = [this.loraA, this.loraB, ...this.#target.weights].map(({ weight }) => weight);
    if (this.#known && of.every((weight, i) => weight === this.#known!.of[i])) return this.#known.norms;
    this.#forget();
    if (this.loraA.isTrainable || this.loraB.isTrainable || isDeferring()) return this.norms();
    this.#known = { of, norms: keep(this.norms()) };
    return this.#known.norms;
  }

  #forget(): void {
    this.#known?.norms.dispose();
    this.#known = null;
  }
}

/** Returns the base's matrix `[out, in]` or stack `[E, out, in]` at a target module. The caller disposes it. */
export function baseOf({ weights }: TargetModule): Tensor {
  return tidy(() => {
    const parts = weights.map(({ weight }) => logicalTensor(weight));
    return parts.length === 1 ? parts[0]! : concat(parts, 1);
  });
}
