import {
  add,
  addN,
  dispose,
  engine,
  getBackend,
  getKernel,
  keep,
  mul,
  ones,
  type Scalar,
  scalar,
  sum,
  type Tensor,
  tidy,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";

type Tape = ReturnType<typeof engine>["state"]["activeTape"];
type TapeNode = Tape[number];

/** Tape with known variables, and the tensors that depend on them. */
interface Recording {
  readonly tape: Tape;
  readonly variables: readonly Tensor[];
  /** Ids of the variables and of all tensors that depend on one. */
  readonly dependent: Set<number>;
  /** Number of tape nodes that were examined. */
  seen: number;
}

let recording: Recording | undefined;

/** Backward functions of the operations that this package recorded. */
const backwards = new WeakMap<TapeNode, (dys: readonly (Tensor | null)[]) => ReturnType<Backward>>();

/** Returns whether tfjs records operations for a gradient. */
export function isRecording(): boolean {
  const { gradientDepth, kernelDepth } = engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

/**
 * Runs `f` without recording: its result is a constant to a gradient. For values without gradients, such as indices, whose
 * kernels throw while tfjs records.
 */
export function noGrad<T>(f: () => T): T {
  const { state } = engine();
  // tfjs itself stops recording inside of kernels by this counter.
  state.kernelDepth++;
  try {
    return f();
  } finally {
    state.kernelDepth--;
  }
}

/**
 * Returns whether the gradient that is recorded needs the gradient with respect to a tensor: it is a variable or was computed
 * from one. If tfjs records for another caller, its variables are unknown, and every float32 tensor counts.
 */
export function isDifferentiated(tensor: Tensor): boolean {
  if (!isRecording() || tensor.dtype !== "float32") return false;
  if (!recording || recording.tape !== engine().state.activeTape) return true;
  forgetConstants(recording);
  return recording.dependent.has(tensor.id);
}

/**
 * Returns the variables of the gradient that is recorded; undefined if tfjs records it for another caller, whose variables are
 * unknown.
 */
export function variablesOfRecording(): readonly Tensor[] | undefined {
  return isRecording() && recording?.tape === engine().state.activeTape ? recording.variables : undefined;
}

/**
 * Backward function of a recorded operation: returns the gradients with respect to its inputs by name, undefined for those that
 * the outputs do not depend on. `dys` are the gradients with respect to the outputs, null for an output that nothing depends on.
 */
export type Backward = (
  dys: readonly (Tensor | null)[],
  saved: readonly Tensor[],
) => Readonly<Record<string, Tensor | undefined>>;

/**
 * Records an operation with a backward function of its own, after it ran without recording.
 * @param inputs differentiated inputs, by name
 * @param saved tensors that the backward pass needs; they are kept even if the caller disposes them
 * @param backward returns the gradients with respect to `inputs`, by the same names
 */
export function customVjp(
  name: string,
  inputs: Record<string, Tensor>,
  outputs: readonly Tensor[],
  saved: readonly Tensor[],
  backward: Backward,
): void {
  const { state } = engine();
  const held = saved.map(hold);
  // Indices have no gradient: what is computed from them is a constant.
  const floats = outputs.filter(({ dtype }) => dtype === "float32");
  const differentiated = (dys: readonly (Tensor | null)[]): ReturnType<Backward> => {
    const left = [...dys];
    return backward(
      outputs.map(({ dtype }) => (dtype === "float32" ? (left.shift() ?? null) : null)),
      held,
    );
  };
  const node: TapeNode = {
    id: state.nextTapeNodeId++,
    kernelName: name,
    inputs,
    outputs: floats,
    saved: held,
    // As tfjs asks for it.
    gradient: (dys) => {
      const gradients = differentiated(dys);
      return Object.fromEntries(
        Object.entries(inputs).map(([input, x]) => [input, () => gradients[input] ?? zerosLike(x)]),
      );
    },
  };
  backwards.set(node, differentiated);
  state.activeTape.push(node);
}

/**
 * Computes the gradients of `f` with respect to `xs`, given the gradient `dy` of its value. Zero if `f` does not use an `x`.
 *
 * Unlike `tf.grads` it may be called in a custom gradient, in the forward and the backward pass: tfjs has one tape, which a
 * nested call clears, and records nothing in the forward pass of a custom gradient.
 */
export function gradientsOf(f: () => Tensor, xs: readonly Tensor[], dy: Tensor): Tensor[] {
  return tidy(() => gradientsOfAll(() => [f()], xs, [dy]).map((gradient, i) => gradient ?? zerosLike(xs[i]!)));
}

/** Computes the gradients of several values at once. A gradient is undefined if no value uses the `x`. */
export function gradientsOfAll(
  f: () => readonly Tensor[],
  xs: readonly Tensor[],
  dys: readonly (Tensor | null)[],
): (Tensor | undefined)[] {
  return tidy(() => {
    if (!isRecording()) return differentiate(f, xs, () => dys).gradients;
    // A gradient of this gradient is recorded: let tfjs record it.
    const weighed = () => addN(f().flatMap((value, i) => (dys[i] ? [sum(mul(value, dys[i]))] : [])));
    return engine().gradients(weighed, [...xs], scalar(1), true).grads;
  });
}

/**
 * Computes a value and its gradients with respect to `xs`, undefined for those that `f` does not use. The caller owns all of
 * them.
 *
 * Only tensors that depend on `xs` are kept and differentiated, and each is freed as soon as the backward pass has used it.
 */
export function valueAndGradientsOf(
  f: () => Scalar,
  xs: readonly Tensor[],
): { value: Scalar; gradients: (Tensor | undefined)[] } {
  return tidy(() => {
    const { values, gradients } = differentiate(
      () => [f()],
      xs,
      ([value]) => [ones(value!.shape)],
    );
    return { value: values[0] as Scalar, gradients };
  });
}

/** Runs `f` on a new tape and then the backward pass. Call it in a tidy. */
function differentiate(
  f: () => readonly Tensor[],
  xs: readonly Tensor[],
  upstream: (values: readonly Tensor[]) => readonly (Tensor | null)[],
): { values: Tensor[]; gradients: (Tensor | undefined)[] } {
  const { state } = engine();
  const { activeTape, gradientDepth, kernelDepth } = state;
  const outer = recording;
  const tape: Tape = [];
  recording = { tape, variables: xs, dependent: new Set(xs.map(({ id }) => id)), seen: 0 };
  Object.assign(state, { activeTape: tape, gradientDepth: 1, kernelDepth: 0 });
  try {
    const values = tidy(() => [...f()]);
    state.gradientDepth = 0;
    forgetConstants(recording);
    return { values, gradients: walkBack(tape, xs, values, upstream(values)) };
  } finally {
    for (const { saved } of tape) dispose(saved ?? []);
    Object.assign(state, { activeTape, gradientDepth, kernelDepth });
    recording = outer;
  }
}

/** Drops nodes that depend on no variable from the tape, with the tensors that they saved. */
function forgetConstants(recording: Recording): void {
  const { tape, dependent } = recording;
  let kept = recording.seen;
  for (let i = kept; i < tape.length; i++) {
    const node = tape[i]!;
    // Comparisons and roundings to integers are constants to a gradient, as in torch: tfjs has no gradient for them.
    const differentiable = node.outputs.filter(({ dtype }) => dtype === "float32" || dtype === "complex64");
    if (differentiable.length > 0 && Object.values(node.inputs).some(({ id }) => dependent.has(id))) {
      for (const { id } of differentiable) dependent.add(id);
      tape[kept++] = node;
    } else dispose(node.saved ?? []);
  }
  tape.length = kept;
  recording.seen = kept;
}

function walkBack(
  tape: Tape,
  xs: readonly Tensor[],
  values: readonly Tensor[],
  dys: readonly (Tensor | null)[],
): (Tensor | undefined)[] {
  const gradients = new Gradients(xs);
  for (const [i, value] of values.entries()) if (dys[i]) gradients.start(value, dys[i]);
  const dependent = recording!.dependent;
  while (tape.length > 0) {
    const node = tape.pop()!;
    if (node.outputs.some((output) => gradients.of(output))) {
      const found = gradientsOfNode(node, dependent, gradients);
      for (const [input, gradient] of found) gradients.add(input, gradient);
    }
    for (const output of node.outputs) gradients.drop(output);
    dispose(node.saved ?? []);
  }
  return xs.map((x) => gradients.take(x));
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
  const own = backwards.get(node);
  if (own) return own(dys);
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

/** Returns a second tensor with the same values, which outlives all tidies. tfjs's clone copies them on some engines. */
function hold(tensor: Tensor): Tensor {
  const reshape = getKernel("Reshape", getBackend());
  // For a gradient of a gradient the copy has to be on the tape, as tfjs's clones always are.
  if (!reshape || engine().state.gradientDepth > 1) return keep(tensor.clone());
  return keep(noGrad(() => engine().runKernel<Tensor>("Reshape", { x: tensor }, { shape: tensor.shape })));
}
