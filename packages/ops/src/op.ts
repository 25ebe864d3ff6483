import {
  customGrad,
  engine,
  env,
  getBackend,
  getKernel,
  type KernelConfig,
  type NamedAttrMap,
  type Tensor,
  type TensorInfo,
  tidy,
  zerosLike,
} from "@tensorflow/tfjs-core";

/** Named tensors that go into an operation. An optional input may be absent. */
export type OpInputs = { readonly [name: string]: Tensor | undefined };

/** What an engine must offer under `kernel` to run an operation in one piece, and what to do where it does not. */
export interface OpContract<I extends OpInputs, A extends object, O extends Tensor | readonly Tensor[]> {
  /** The name under which an engine registers its fused kernel with tfjs's `registerKernel`. */
  readonly kernel: string;
  /** The operation in tfjs operations: its definition, its fallback and, differentiated, its gradient. */
  readonly compose: (inputs: I, attrs: A) => O;
}

/**
 * An operation that runs as one fused kernel where the engine in use has it and as its composition where it does not.
 *
 * The gradient of the fused kernel is the gradient of the composition, recomputed from the inputs: every operation is
 * differentiable on every engine, and nothing but the inputs is kept for the way back.
 */
export function defineOp<I extends OpInputs, A extends object, O extends Tensor>(
  contract: OpContract<I, A, O>,
): (inputs: I, attrs: A) => O {
  return (inputs, attrs) => {
    const kernel = getKernel(contract.kernel, getBackend());
    if (!kernel) return tidy(() => contract.compose(inputs, attrs));
    if (isRecording()) return runRecorded(contract, kernel, inputs, attrs);
    return runKernel(kernel, presentOf(inputs), attrs) as O;
  };
}

/**
 * The same for an operation with several outputs. tfjs's custom gradients have one, so while a gradient is recorded it runs
 * as its composition, of operations that may be fused each.
 */
export function defineOpWithOutputs<I extends OpInputs, A extends object, O extends readonly Tensor[]>(
  contract: OpContract<I, A, O>,
): (inputs: I, attrs: A) => O {
  return (inputs, attrs) => {
    const kernel = isRecording() ? undefined : getKernel(contract.kernel, getBackend());
    if (kernel) return runKernel(kernel, presentOf(inputs), attrs) as readonly Tensor[] as O;
    return tidy(() => contract.compose(inputs, attrs) as O & Tensor[]);
  };
}

/** Whether the engine in use offers a kernel of that name. */
export function hasKernel(kernel: string): boolean {
  return getKernel(kernel, getBackend()) !== undefined;
}

/** Whether tfjs records operations for a gradient right now. */
export function isRecording(): boolean {
  const { gradientDepth, kernelDepth } = engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

/**
 * Runs `f` off the tape: what it returns is a constant to a gradient. For values that have none, such as indices, whose
 * kernels throw while tfjs records.
 */
export function untaped<T>(f: () => T): T {
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
 * Runs a kernel of the engine in use. tfjs's own way around it costs more than a small kernel: where nothing looks at it, no
 * profile and no search for leaks, the kernel is called directly. To be called where no gradient is recorded.
 */
export function runKernel(
  { kernelName, kernelFunc }: KernelConfig,
  inputs: Record<string, Tensor>,
  attrs: object,
): Tensor | Tensor[] {
  const tf = engine();
  if (tf.state.profiling || env().getBool("IS_TEST") || env().getBool("DEBUG"))
    return tf.runKernel(kernelName, inputs, attrs as NamedAttrMap);
  const { backend } = tf;
  const toTensor = (made: TensorInfo): Tensor =>
    // A kernel that is made of tfjs operations returns a tensor.
    "rank" in made ? (made as Tensor) : tf.makeTensorFromTensorInfo(made, backend);
  const out = kernelFunc({ inputs, attrs: attrs as NamedAttrMap, backend });
  return Array.isArray(out) ? out.map(toTensor) : toTensor(out);
}

function presentOf(inputs: OpInputs): Record<string, Tensor> {
  const present: Record<string, Tensor> = {};
  for (const name in inputs) if (inputs[name]) present[name] = inputs[name];
  return present;
}

function runRecorded<I extends OpInputs, A extends object, O extends Tensor>(
  { compose }: OpContract<I, A, O>,
  kernel: KernelConfig,
  inputs: I,
  attrs: A,
): O {
  const names = Object.keys(inputs).filter((name) => inputs[name] !== undefined);
  const differentiable = names.filter((name) => inputs[name]!.dtype === "float32");
  const run = customGrad((...args) => {
    const save = args.pop() as unknown as (tensors: Tensor[]) => void;
    // Saved, not closed over: what a caller's tidy disposes after the forward pass is still needed on the way back.
    save(names.map((name) => inputs[name]!));
    return {
      value: runKernel(kernel, presentOf(inputs), attrs) as O,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const again = Object.fromEntries(names.map((name, i) => [name, saved[i]!])) as unknown as I;
        return gradientsOf(
          () => compose(again, attrs),
          differentiable.map((name) => again[name]!),
          dy,
        );
      },
    };
  });
  return run(...differentiable.map((name) => inputs[name]!)) as O;
}

/**
 * The gradients of `f` with respect to `xs`, given the gradient `dy` of its value. Zero where `f` does not use an `x`.
 *
 * It may be called in a custom gradient, on the way there and on the way back, where `tf.grads` may not: tfjs has one tape,
 * which a nested call clears, and records nothing on the way there.
 */
export function gradientsOf(f: () => Tensor, xs: Tensor[], dy: Tensor): Tensor[] {
  const { state } = engine();
  const { activeTape, gradientDepth, kernelDepth } = state;
  // On the way there all is a constant to the gradient outside: this one has a tape of its own.
  if (kernelDepth > 0) state.gradientDepth = state.kernelDepth = 0;
  try {
    const { value, grads } = engine().gradients(f, xs, dy, true);
    value.dispose();
    return grads.map((grad, i) => grad ?? zerosLike(xs[i]!));
  } finally {
    Object.assign(state, { activeTape, gradientDepth, kernelDepth });
  }
}
