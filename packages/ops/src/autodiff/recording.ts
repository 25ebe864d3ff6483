import { dispose, engine, type Tensor } from "@tensorflow/tfjs-core";

type Tape = ReturnType<typeof engine>["state"]["activeTape"];
export type TapeNode = Tape[number];

/** Tape with known variables, and the tensors that depend on them. */
export interface Recording {
  readonly tape: Tape;
  readonly variables: readonly Tensor[];
  /** Ids of the variables and of all tensors that depend on one. */
  readonly dependent: Set<number>;
  /** Number of tape nodes that were examined. */
  seen: number;
}

let recording: Recording | undefined;

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

/** Runs `f` with a new tape, on which tfjs records; what is left on it at the end is freed. */
export function withRecording<T>(variables: readonly Tensor[], f: (recording: Recording) => T): T {
  const { state } = engine();
  const { activeTape, gradientDepth, kernelDepth } = state;
  const outer = recording;
  const tape: Tape = [];
  recording = { tape, variables, dependent: new Set(variables.map(({ id }) => id)), seen: 0 };
  Object.assign(state, { activeTape: tape, gradientDepth: 1, kernelDepth: 0 });
  try {
    return f(recording);
  } finally {
    for (const { saved } of tape) dispose(saved ?? []);
    Object.assign(state, { activeTape, gradientDepth, kernelDepth });
    recording = outer;
  }
}

/** Drops nodes that depend on no variable from the tape, with the tensors that they saved. */
export function forgetConstants(recording: Recording): void {
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
