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

/** A tape whose variables are known, and what on it depends on them. */
interface Recording {
  readonly tape: Tape;
  readonly variables: readonly Tensor[];
  /** Ids of the tensors that depend on a variable, the variables included. */
  readonly dependent: Set<number>;
  /** How many nodes of the tape have been looked at. */
  seen: number;
}

let recording: Recording | undefined;

/** How the operations that this package recorded are differentiated. */
const backwards = new WeakMap<TapeNode, (dys: readonly (Tensor | null)[]) => ReturnType<Backward>>();

/** Whether tfjs records operations for a gradient right now. */
export function isRecording(): boolean {
  const { gradientDepth, kernelDepth } = engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

/**
 * Runs `f` off the tape: what it returns is a constant to a gradient. For values that have none, such as indices, whose
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
 * Whether the gradient that is recorded wants that of a tensor: it is one of the variables, or was computed from one. Where
 * tfjs records for a caller of its own, who has not said which tensors are variables, every float32 tensor may be one.
 */
export function isDifferentiated(tensor: Tensor): boolean {
  if (!isRecording() || tensor.dtype !== "float32") return false;
  if (!recording || recording.tape !== engine().state.activeTape) return true;
  forgetConstants(recording);
  return recording.dependent.has(tensor.id);
}

/** What is differentiated by, where that is known: tfjs does not say it of gradients that it records for others. */
export function variablesOfRecording(): readonly Tensor[] | undefined {
  return isRecording() && recording?.tape === engine().state.activeTape ? recording.variables : undefined;
}

/**
 * How a recorded operation is differentiated: the gradients of its inputs, by name, undefined where there is none. That of an
 * output is null where nothing depends on it.
 */
export type Backward = (
  dys: readonly (Tensor | null)[],
  saved: readonly Tensor[],
) => Readonly<Record<string, Tensor | undefined>>;

/**
 * Puts an operation that ran off the tape on it.
 * @param inputs those that are differentiated, by name
 * @param saved what the way back needs; it is held, whatever becomes of these tensors meanwhile
 * @param backward the gradients of `inputs` by the same names
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
 * The gradients of `f` with respect to `xs`, given the gradient `dy` of its value. Zero where `f` does not use an `x`.
 *
 * It may be called in a custom gradient, on the way there and on the way back, where `tf.grads` may not: tfjs has one tape,
 * which a nested call clears, and records nothing on the way there.
 */
export function gradientsOf(f: () => Tensor, xs: readonly Tensor[], dy: Tensor): Tensor[] {
  return tidy(() => gradientsOfAll(() => [f()], xs, [dy]).map((gradient, i) => gradient ?? zerosLike(xs[i]!)));
}

/** The same for several values at once. A gradient is undefined where no value uses the `x`. */
export function gradientsOfAll(
  f: () => readonly Tensor[],
  xs: readonly Tensor[],
  dys: readonly (Tensor | null)[],
): (Tensor | undefined)[] {
  return tidy(() => {
    if (!isRecording()) return differentiate(f, xs, () => dys).gradients;
    // Somebody wants the gradient of this gradient: it has to be recorded itself, and tfjs does so.
    const weighed = () => addN(f().flatMap((value, i) => (dys[i] ? [sum(mul(value, dys[i]))] : [])));
    return engine().gradients(weighed, [...xs], scalar(1), true).grads;
  });
}

/**
 * A value and its gradients with respect to `xs`: undefined where `f` does not use an `x`. The caller owns them.
 *
 * Only what depends on `xs` is kept and differentiated, and each tensor is freed as soon as the way back has passed it.
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

/** Runs `f` on a tape of its own and walks it back. To be called in a tidy. */
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

/** Drops what does not depend on a variable from the tape, with what it saved. */
function forgetConstants(recording: Recording): void {
  const { tape, dependent } = recording;
  let kept = recording.seen;
  for (let i = kept; i < tape.length; i++) {
    const node = tape[i]!;
    // What a comparison or a rounding to integers gives is a constant to a gradient, as in torch: tfjs has none of them.
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

/** What a node passes on to those of its inputs that depend on a variable: new tensors, each of its own. */
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
  // tfjs's own type knows no null, which it passes itself where nothing depends on an output.
  const thunks = node.gradient(dys as Tensor[]);
  return Object.fromEntries(names.map((name) => [name, tidy(thunks[name]!)]));
}

/** Gradients on the way back, by the id of the tensor that they are of. */
class Gradients {
  readonly #xs: ReadonlySet<number>;
  readonly #byId = new Map<number, Tensor>();
  /** Those that came from the caller, who frees them. */
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

  /** Nothing further back needs it, unless it was asked for. */
  drop(tensor: Tensor): void {
    const gradient = this.#byId.get(tensor.id);
    if (!gradient || this.#xs.has(tensor.id)) return;
    this.#byId.delete(tensor.id);
    this.#free(gradient);
  }

  take(x: Tensor): Tensor | undefined {
    const gradient = this.#byId.get(x.id);
    // What was given is the caller's, and one that is asked for twice belongs to each.
    const isMine = gradient && !this.#given.has(gradient);
    if (gradient && isMine) this.#given.add(gradient);
    return isMine ? gradient : gradient?.clone();
  }

  #free(gradient: Tensor): void {
    if (!this.#given.has(gradient)) gradient.dispose();
  }
}

/** A second tensor of the same values, which outlives all tidies. tfjs's clone copies them on some engines. */
function hold(tensor: Tensor): Tensor {
  const reshape = getKernel("Reshape", getBackend());
  // For a gradient of a gradient the copy has to be on the tape, as tfjs's clones always are.
  if (!reshape || engine().state.gradientDepth > 1) return keep(tensor.clone());
  return keep(noGrad(() => engine().runKernel<Tensor>("Reshape", { x: tensor }, { shape: tensor.shape })));
}
