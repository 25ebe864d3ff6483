import {
  engine,
  env,
  getBackend,
  getKernel,
  type KernelConfig,
  type NamedAttrMap,
  type Tensor,
  type TensorInfo,
  tidy,
} from "@tensorflow/tfjs-core";
import { customVjp } from "./custom-vjp.js";
import { listKernel } from "./fused-kernels.js";
import { gradientsOfAll } from "./gradients.js";
import { isDifferentiated, isRecording, noGrad } from "./recording.js";

export { isRecording } from "./recording.js";

/** Named input tensors of an operation. An optional input may be undefined. */
export type OpInputs = { readonly [name: string]: Tensor | undefined };

/** Definition of an operation: the name of its fused kernel, its composition, and its gradient. */
export interface OpContract<I extends OpInputs, A extends object, O extends Tensor | readonly Tensor[]> {
  /** Name under which an engine registers its fused kernel with `registerKernel` of tfjs. */
  readonly kernel: string;
  /** The operation in tfjs operations: the definition, the fallback and, differentiated, the gradient. */
  readonly compose: (inputs: I, attrs: A) => O;
  /** Gradient in closed form. Default: the composition runs again and is differentiated. */
  readonly gradient?: OpGradient<I, A>;
}

/**
 * Computes the gradients with respect to the inputs.
 * @param wanted inputs whose gradients are needed
 * @returns gradients, keyed like the inputs
 */
export type OpGradient<I extends OpInputs, A extends object> = (
  inputs: I,
  attrs: A,
  dys: readonly (Tensor | null)[],
  wanted: ReadonlySet<keyof I>,
) => { readonly [name in keyof I]?: Tensor };

/** Suffix of the name of an op's backward kernel. */
const BACK = "Back";

/**
 * Attributes of a backward kernel. Its inputs are those of the op, and `dy0`, `dy1` and so on: the gradients with respect to the
 * outputs that anything depends on. It returns the gradients with respect to the `wanted` inputs, in that order, or none at all
 * if it cannot compute them.
 */
export type BackAttributes<A extends object> = A & { readonly wanted: readonly string[] };

/**
 * Defines an operation that runs as one fused kernel if the engine in use has it, and as its composition if not.
 *
 * The gradient is `contract.gradient`, or that of the composition, recomputed from the inputs. So every operation is
 * differentiable on every engine, and keeps only its inputs for the backward pass. Gradients are computed only with respect to
 * inputs that depend on a variable of the gradient. An engine may offer a backward kernel too, named like the fused kernel with
 * the suffix `Back` ({@link BackAttributes}).
 */
export function defineOp<I extends OpInputs, A extends object, O extends Tensor>(
  contract: OpContract<I, A, O>,
): (inputs: I, attrs: A) => O {
  const run = defineOpWithOutputs<I, A, [O]>({
    ...contract,
    compose: (inputs, attrs) => [contract.compose(inputs, attrs)],
  });
  return (inputs, attrs) => {
    if (isRecording()) return run(inputs, attrs)[0];
    const kernel = getKernel(contract.kernel, getBackend());
    if (!kernel) return tidy(() => contract.compose(inputs, attrs));
    return runKernel(kernel, presentOf(inputs), attrs) as O;
  };
}

/** Defines an operation with several outputs. See {@link defineOp}. */
export function defineOpWithOutputs<I extends OpInputs, A extends object, O extends readonly Tensor[]>(
  contract: OpContract<I, A, O>,
): (inputs: I, attrs: A) => O {
  listKernel(contract.kernel);
  return (inputs, attrs) => {
    const kernel = getKernel(contract.kernel, getBackend());
    const present = presentOf(inputs);
    const run = (): O => {
      if (!kernel) return tidy(() => contract.compose(inputs, attrs) as O & Tensor[]);
      const made = runKernel(kernel, present, attrs);
      return (Array.isArray(made) ? made : [made]) as readonly Tensor[] as O;
    };
    if (!isRecording()) return run();
    const wanted = Object.keys(present).filter((name) => isDifferentiated(present[name]!));
    // tfjs records the operations of a composition itself.
    if (!kernel && !contract.gradient && wanted.length > 0) return run();
    const outputs = noGrad(run);
    if (wanted.length > 0) recordOp(contract, present, attrs, outputs, wanted);
    return outputs;
  };
}

function recordOp<I extends OpInputs, A extends object, O extends readonly Tensor[]>(
  { kernel, compose, gradient }: OpContract<I, A, O>,
  present: Record<string, Tensor>,
  attrs: A,
  outputs: readonly Tensor[],
  wanted: readonly string[],
): void {
  const names = Object.keys(present);
  const differentiated = Object.fromEntries(wanted.map((name) => [name, present[name]!]));
  customVjp(kernel, differentiated, outputs, Object.values(present), (dys, saved) => {
    const again = Object.fromEntries(names.map((name, i) => [name, saved[i]!])) as unknown as I;
    const back = getKernel(`${kernel}${BACK}`, getBackend());
    // The gradient of a gradient is that of tfjs's operations.
    const made = back && !isRecording() ? runBack(back, again, attrs, dys, wanted) : undefined;
    if (made) return made;
    if (gradient) return gradient(again, attrs, dys, new Set(wanted)) as Record<string, Tensor | undefined>;
    const xs = wanted.map((name) => again[name]!);
    const found = gradientsOfAll(() => compose(again, attrs), xs, dys);
    return Object.fromEntries(wanted.map((name, i) => [name, found[i]]));
  });
}

function runBack(
  kernel: KernelConfig,
  inputs: OpInputs,
  attrs: object,
  dys: readonly (Tensor | null)[],
  wanted: readonly string[],
): Record<string, Tensor | undefined> | undefined {
  const above = dys.flatMap((dy, i) => (dy ? [[`dy${i}`, dy] as const] : []));
  const made = runKernel(kernel, { ...presentOf(inputs), ...Object.fromEntries(above) }, { ...attrs, wanted });
  const gradients = Array.isArray(made) ? made : [made];
  if (gradients.length === 0) return undefined;
  return Object.fromEntries(wanted.map((name, i) => [name, gradients[i]]));
}

/** Returns whether the engine in use has a kernel of that name. */
export function hasKernel(kernel: string): boolean {
  return getKernel(kernel, getBackend()) !== undefined;
}

/**
 * Runs a kernel of the engine in use. The detour through tfjs costs more than a small kernel, so it is called directly unless
 * tfjs profiles or searches for leaks. Call it only while no gradient is recorded.
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
