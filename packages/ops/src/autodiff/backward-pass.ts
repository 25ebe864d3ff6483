import { add, dispose, engine, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import { backwardOf } from "./custom-vjp.js";
import type { Recording, TapeNode } from "./recording.js";

/**
 * Runs the backward pass over a tape, which it empties: each node is freed as soon as its gradients are known.
 * @param dys gradients with respect to `values`, null for none
 * @returns the gradients with respect to the variables, undefined for those that no value depends on
 */
export function runBackward(
  { tape, variables, dependent }: Recording,
  values: readonly Tensor[],
  dys: readonly (Tensor | null)[],
): (Tensor | undefined)[] {
  const gradients = new Gradients(variables);
  for (const [i, value] of values.entries()) if (dys[i]) gradients.start(value, dys[i]);
  while (tape.length > 0) {
    const node = tape.pop()!;
    if (node.outputs.some((output) => gradients.of(output))) {
      const found = gradientsOfNode(node, dependent, gradients);
      for (const [input, gradient] of found) gradients.add(input, gradient);
    }
    for (const output of node.outputs) gradients.drop(output);
    dispose(node.saved ?? []);
  }
  return variables.map((x) => gradients.take(x));
}

/** Computes the gradients that a node passes to its differentiated inputs: new tensors, one for each input. */
function gradientsOfNode(node: TapeNode, dependent: ReadonlySet<number>, gradients: Gradients): [Tensor, Tensor][] {
  const { inputs, outputs } = node;
  const dys = outputs.map((output) => gradients.of(output) ?? null);
  const names = Object.keys(inputs).filter((name) => dependent.has(inputs[name]!.id));
  const found: [Tensor, Tensor][] = [];
  tidy(() => {
    const byName = gradientsByName(node, dys, names);
    const fresh = new Set(engine().state.activeScope.track);
    return names.flatMap((name) => {
      const gradient = byName[name];
      if (!gradient) return [];
      found.push([inputs[name]!, fresh.delete(gradient) ? gradient : gradient.clone()]);
      return [found.at(-1)![1]];
    });
  });
  return found;
}

function gradientsByName(
  node: TapeNode,
  dys: readonly (Tensor | null)[],
  names: readonly string[],
): Readonly<Record<string, Tensor | undefined>> {
  const backward = backwardOf(node);
  if (backward) return backward(dys);
  if (!node.gradient)
    throw new OpsError({
      where: `the gradient with respect to ${names.join(" and ")} of ${node.kernelName}`,
      expected: "an operation that TensorFlow.js can differentiate",
      got: "one that it cannot",
      fix: "Write it with other operations, or wrap it in tf.customGrad",
    });
  // tfjs passes null for an output that nothing depends on, which its own type does not say.
  const thunks = node.gradient(dys as Tensor[]);
  return Object.fromEntries(names.map((name) => [name, tidy(thunks[name]!)]));
}

/** Gradients in the backward pass, by tensor id. */
class Gradients {
  readonly #xs: ReadonlySet<number>;
  readonly #byId = new Map<number, Tensor>();
  /** Gradients that came from the caller, who frees them. */
  readonly #given = new Set<Tensor>();

  constructor(xs: readonly Tensor[]) {
    this.#xs = new Set(xs.map(({ id }) => id));
  }

  of(tensor: Tensor): Tensor | undefined {
    return this.#byId.get(tensor.id);
  }

  start(value: Tensor, dy: Tensor): void {
    this.#given.add(dy);
    this.add(value, dy);
  }

  add(tensor: Tensor, gradient: Tensor): void {
    const before = this.#byId.get(tensor.id);
    this.#byId.set(tensor.id, before ? add(before, gradient) : gradient);
    if (!before) return;
    this.#free(before);
    this.#free(gradient);
  }

  /** Frees a gradient that the rest of the backward pass does not need, unless the caller asked for it. */
  drop(tensor: Tensor): void {
    const gradient = this.#byId.get(tensor.id);
    if (!gradient || this.#xs.has(tensor.id)) return;
    this.#byId.delete(tensor.id);
    this.#free(gradient);
  }

  take(x: Tensor): Tensor | undefined {
    const gradient = this.#byId.get(x.id);
    // A gradient that the caller gave stays the caller's; one that is asked for twice is copied.
    const isMine = gradient && !this.#given.has(gradient);
    if (gradient && isMine) this.#given.add(gradient);
    return isMine ? gradient : gradient?.clone();
  }

  #free(gradient: Tensor): void {
    if (!this.#given.has(gradient)) gradient.dispose();
  }
}
