import type { Param } from "@mixtape/layers";
import { adamW, valueAndGradientsOf } from "@mixtape/ops";
import { dispose, keep, type Scalar, type Tensor, zerosLike } from "@tensorflow/tfjs-core";

/** AdamW over some parameters, as torch's. */
export class AdamW {
  readonly #params: readonly Param[];
  readonly #options: { lr: number; betas: readonly [number, number]; eps: number; weight_decay: number };
  readonly #moments = new Map<Param, { mean: Tensor; variance: Tensor }[]>();
  #steps = 0;

  constructor(
    params: readonly Param[],
    options: { lr: number; betas: readonly [number, number]; eps: number; weight_decay: number },
  ) {
    this.#params = params;
    this.#options = options;
    for (const param of params)
      this.#moments.set(
        param,
        param.weight.parts.map((part) => ({ mean: keep(zerosLike(part)), variance: keep(zerosLike(part)) })),
      );
  }

  /** One step. @returns the loss before it */
  async step(loss: () => Scalar): Promise<number> {
    this.#steps++;
    const parts = this.#params.flatMap(({ weight }) => weight.parts as Tensor[]);
    const { value, gradients } = valueAndGradientsOf(loss, parts);
    const { lr, betas, eps, weight_decay } = this.#options;
    const numbers = { learningRate: lr, beta1: betas[0], beta2: betas[1], eps, weightDecay: weight_decay };
    let next = 0;
    for (const param of this.#params) {
      const made = param.weight.parts.map((weight, i) => {
        const { mean, variance } = this.#moments.get(param)![i]!;
        const gradient = gradients[next++];
        const step = adamW({ weight, mean, variance, gradient }, { ...numbers, step: this.#steps, gradientScale: 1 });
        dispose([mean, variance, ...(gradient ? [gradient] : [])]);
        this.#moments.get(param)![i] = { mean: step.mean, variance: step.variance };
        return step.weight;
      });
      param.assign(made);
    }
    const [number] = await value.data();
    value.dispose();
    return number!;
  }

  dispose(): void {
    for (const moments of this.#moments.values()) for (const { mean, variance } of moments) dispose([mean, variance]);
  }
}
