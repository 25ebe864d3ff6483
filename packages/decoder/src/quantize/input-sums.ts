import { type Experts, Linear, type Param } from "@mixtape/layers";
import { gate, linear, matrixAt, type Weight } from "@mixtape/ops";
import type { Hessian } from "@mixtape/quantization";
import {
  add,
  dispose,
  gather,
  keep,
  matMul,
  reshape,
  slice,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tidy,
} from "@tensorflow/tfjs-core";
import type { ObservedInput } from "./observed-input.js";

/** Sum of `xᵀx` over the inputs of matrices, and their number. */
export class InputSum {
  tokens = 0;
  #sum: Tensor2D | undefined;

  /** @param x `[…, in]` */
  add(x: Tensor): void {
    const rows = reshape(x, [-1, x.shape.at(-1)!]) as Tensor2D;
    const product: Tensor2D = matMul(rows, rows, true);
    const before = this.#sum;
    this.#sum = keep(before ? add(before, product) : product);
    before?.dispose();
    this.tokens += rows.shape[0];
  }

  async read(): Promise<Hessian> {
    const values = (await this.#sum!.data()) as Float32Array;
    return { values, columns: this.#sum!.shape[0] };
  }

  dispose(): void {
    if (this.#sum) dispose(this.#sum);
    this.#sum = undefined;
  }
}

/** Sums of inputs while the modules that have them run. */
export class InputSums {
  readonly #sums = new Map<ObservedInput, InputSum>();
  readonly #unhook: (() => void)[] = [];

  /** Hooks the modules. Their forward passes compute what they did before. */
  constructor(inputs: readonly ObservedInput[]) {
    for (const input of inputs) this.#sums.set(input, new InputSum());
    for (const module of new Set(inputs.map(({ module: one }) => one))) {
      const own = inputs.filter((input) => input.module === module);
      if (module instanceof Linear) this.#hookLinear(module, own[0]!);
      else this.#hookExperts(module, own);
    }
  }

  /** Returns the sum of an input that was given. */
  of(input: ObservedInput): InputSum {
    return this.#sums.get(input)!;
  }

  /** Removes the hooks. The sums stay. */
  unhook(): void {
    for (const undo of this.#unhook.splice(0)) undo();
  }

  dispose(): void {
    this.unhook();
    for (const sum of this.#sums.values()) sum.dispose();
  }

  #hookLinear(layer: Linear, input: ObservedInput): void {
    const sum = this.of(input);
    const { wrapForward: before } = layer;
    layer.wrapForward = (x, forward) => {
      tidy(() => sum.add(x));
      return before ? before(x, forward) : forward(x);
    };
    this.#unhook.push(() => {
      layer.wrapForward = before;
    });
  }

  #hookExperts(layer: Experts, inputs: readonly ObservedInput[]): void {
    const { wrapForward: before } = layer;
    layer.wrapForward = (routed, forward) => {
      const tokensOfExpert = tokensOf(routed.indices, layer.gateProj.shape[0]!);
      for (const input of inputs) {
        const tokens = tokensOfExpert[input.index]!;
        if (tokens.length === 0) continue;
        tidy(() => {
          const x = gather(routed.x, tensor1d(tokens, "int32")) as Tensor2D;
          this.of(input).add(input.params[0] === layer.downProj ? gatedOf(layer, input.index, x) : x);
        });
      }
      return before ? before(routed, forward) : forward(routed);
    };
    this.#unhook.push(() => {
      layer.wrapForward = before;
    });
  }
}

/** Returns the tokens of each expert. @param indices `[T, K]`, −1 for none */
function tokensOf(indices: Tensor2D, experts: number): number[][] {
  const tokens: number[][] = Array.from({ length: experts }, () => []);
  const k = indices.shape[1];
  for (const [choice, expert] of indices.dataSync().entries())
    if (expert >= 0) tokens[expert]!.push(Math.floor(choice / k));
  return tokens;
}

/** Returns the inputs of the down projection of an expert. @param x `[N, M]` @returns `[N, I]` */
function gatedOf(layer: Experts, expert: number, x: Tensor2D): Tensor2D {
  const project = (param: Param, bias: Param | null): Tensor2D =>
    linear(x, matrixAt(param.weight, expert), bias ? rowOf(bias.weight, expert) : undefined);
  return gate(project(layer.gateProj, layer.gateProjBias), project(layer.upProj, layer.upProjBias), layer.gating);
}

function rowOf({ parts: [vectors] }: Weight, index: number): Tensor1D {
  return reshape(slice(vectors!, [index, 0], [1, -1]), [-1]) as Tensor1D;
}
