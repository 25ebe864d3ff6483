import { Experts, Linear, type Module, type Param } from "@mixtape/layers";
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

/** Sum of `xᵀx` over the inputs of a matrix, and their number. */
class InputSum {
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

/** Inputs of the matrices of a module while it runs: of linear layers, and of each expert. */
export class InputSums {
  readonly #sums = new Map<Param, readonly InputSum[]>();
  readonly #unhook: (() => void)[] = [];

  /**
   * Hooks the parts of a module. Their forward passes compute what they did before.
   * @param isWanted whether a parameter's inputs are summed
   */
  constructor(module: Module, isWanted: (param: Param) => boolean) {
    for (const [, part] of module.namedModules()) {
      if (part instanceof Linear && isWanted(part.weight)) this.#hookLinear(part);
      if (part instanceof Experts && [part.gateProj, part.upProj, part.downProj].some(isWanted))
        this.#hookExperts(part);
    }
  }

  /** Returns the sums of a parameter: one, or one per expert; undefined if its module is not one that can be observed. */
  of(param: Param): readonly InputSum[] | undefined {
    return this.#sums.get(param);
  }

  /** Removes the hooks. The sums stay. */
  unhook(): void {
    for (const undo of this.#unhook.splice(0)) undo();
  }

  dispose(): void {
    this.unhook();
    for (const sums of this.#sums.values()) for (const sum of sums) sum.dispose();
  }

  #hookLinear(layer: Linear): void {
    const sum = new InputSum();
    this.#sums.set(layer.weight, [sum]);
    const { wrapForward: before } = layer;
    layer.wrapForward = (x, forward) => {
      tidy(() => sum.add(x));
      return before ? before(x, forward) : forward(x);
    };
    this.#unhook.push(() => {
      layer.wrapForward = before;
    });
  }

  #hookExperts(layer: Experts): void {
    const [count = 0] = layer.gateProj.shape;
    const [outer, inner] = [0, 1].map(() => Array.from({ length: count }, () => new InputSum()));
    this.#sums.set(layer.gateProj, outer!).set(layer.upProj, outer!).set(layer.downProj, inner!);
    const { wrapForward: before } = layer;
    layer.wrapForward = (routed, forward) => {
      for (const [expert, tokens] of tokensOf(routed.indices, count).entries()) {
        if (tokens.length === 0) continue;
        tidy(() => {
          const x = gather(routed.x, tensor1d(tokens, "int32")) as Tensor2D;
          outer![expert]!.add(x);
          inner![expert]!.add(gatedOf(layer, expert, x));
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
