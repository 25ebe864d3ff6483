import { sumOfSquares, valueAndGradientsOf } from "@mixtape/ops";
import { add, dispose, type Scalar, sqrt, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { checkIterable, expectThat } from "./checks.js";
import type { NamedParam } from "./params.js";

/** Gradients of parameters, by name, each in parts and in the layout of the parameter's weight. Dispose them. */
export class Gradients {
  readonly #byName: ReadonlyMap<string, (Tensor | undefined)[]>;

  constructor(byName: ReadonlyMap<string, (Tensor | undefined)[]>) {
    this.#byName = byName;
  }

  /** All names, including parameters that the loss did not use. */
  get names(): IterableIterator<string> {
    return this.#byName.keys();
  }

  /**
   * Returns the gradient of each part of a parameter: undefined if the loss did not use it, which is equivalent to
   * zero.
   */
  get(name: string): readonly (Tensor | undefined)[] {
    return this.#byName.get(name) ?? [];
  }

  /** Whether the loss used no parameter. */
  get isEmpty(): boolean {
    return [...this.#byName.values()].every((parts) => parts.every((part) => part === undefined));
  }

  /** Adds the gradients of another part of the same batch, which are disposed. */
  add(other: Gradients): void {
    for (const [name, parts] of this.#byName)
      for (const [i, more] of other.get(name).entries()) {
        const before = parts[i];
        parts[i] = before && more ? add(before, more) : (before ?? more);
        if (before && more) dispose([before, more]);
      }
  }

  /** Returns the global norm of the gradients, of the given parameters or of all. */
  norm(names: Iterable<string> = this.names): Scalar {
    const parts = [...names].flatMap((name) => this.get(name).filter((part) => part !== undefined));
    return tidy(() => sqrt(sumOfSquares(parts)));
  }

  dispose(): void {
    for (const parts of this.#byName.values()) for (const part of parts) part?.dispose();
  }
}

/**
 * Computes a loss and its gradients with respect to every parameter. Whatever no parameter depends on, such as frozen
 * weights, costs nothing in the backward pass.
 */
export function lossAndGradients(
  loss: () => Scalar,
  params: Iterable<NamedParam>,
): { loss: Scalar; gradients: Gradients } {
  expectThat(typeof loss === "function", "lossAndGradients", "a function that computes a loss", loss);
  checkIterable("lossAndGradients: params", "[name, Param] pairs", params);
  const named = [...params];
  for (const pair of named) expectThat(isNamed(pair), "lossAndGradients: params", "[name, Param] pairs", pair);
  const { value, gradients } = valueAndGradientsOf(
    loss,
    named.flatMap(([, { weight }]) => [...weight.parts]),
  );
  const left = [...gradients];
  const byName = new Map(named.map(([name, { weight }]) => [name, left.splice(0, weight.parts.length)]));
  return { loss: value, gradients: new Gradients(byName) };
}

function isNamed(pair: unknown): boolean {
  return Array.isArray(pair) && typeof pair[1] === "object" && pair[1] !== null && "weight" in pair[1];
}
