import { mul, Tensor, tidy } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import { sameShape } from "../math/shapes.js";

/**
 * Combines the two projections of a gated MLP, elementwise: `activation(gate) · up` for most models, a formula of both for some.
 * Created by {@link defineGating}.
 */
export interface Gating {
  /** Name, such as that of an activation in `hidden_act` of a config. */
  readonly name: string;
  /** Formula in TensorFlow.js operations: the definition and, differentiated, the gradient. */
  readonly gate: (gate: Tensor, up: Tensor) => Tensor;
  /** The same formula of numbers. The kernels of `cpu` and `wasm` run it in one pass. Default: they run `gate`. */
  readonly scalar?: (gate: number, up: number) => number;
  /** Identifies the gating to engines that have it inside fused kernels. */
  readonly kernel?: GatingKernel;
}

/** Activation function, of a tensor or of the gate of a gated MLP. Created by {@link defineActivation}. */
export interface Activation extends Gating {
  /** Function in TensorFlow.js operations. */
  readonly forward: (x: Tensor) => Tensor;
}

/** Gating as fused kernels of engines identify it. */
export interface GatingKernel {
  /** Id of a published list, such as `silu`. An engine says which it has ({@link EngineTraits.fusesGating}). */
  readonly id: string;
  /** Parameters of the formula, by name. */
  readonly parameters?: Readonly<Record<string, number>>;
}

/** Parts of an activation function, as `defineActivation` takes them. */
export interface ActivationParts {
  readonly name: string;
  /** Function in TensorFlow.js operations: the definition and, differentiated, the gradient. Keeps the shape. */
  readonly forward: (x: Tensor) => Tensor;
  /** The same function of a number, for the kernels of `cpu` and `wasm`. */
  readonly scalar?: (x: number) => number;
  readonly kernel?: GatingKernel;
}

/** Builds an activation function, whose results are checked for the shape of their inputs. */
export function buildActivation({ name, forward: compute, scalar, kernel }: ActivationParts): Activation {
  const forward = (x: Tensor): Tensor => checkedResult(`activation ${JSON.stringify(name)}`, compute(x), x);
  return {
    name,
    forward,
    gate: (gate, up) => mul(forward(gate), up),
    ...(scalar && { scalar: (gate: number, up: number) => scalar(gate) * up }),
    ...(kernel && { kernel }),
  };
}

/**
 * Returns the result of an elementwise formula. Another shape might be broadcast later, which would hide the mistake.
 * @throws {OpsError} for anything else than a tensor of the input's shape
 */
export function checkedResult(where: string, result: unknown, { shape }: Tensor): Tensor {
  if (result instanceof Tensor && sameShape(result.shape, shape)) return result;
  throw new OpsError({
    where,
    expected: `a tensor of the input's shape, [${shape}]`,
    got: result instanceof Tensor ? `[${result.shape}]` : kindOf(result),
    fix: "The formula applies to each element by itself",
  });
}

/** Describes a value in an error. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return `${value}`;
  if (value instanceof Promise) return "a Promise";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" ? "an object" : `a value of type ${typeof value}`;
}

/**
 * Computes `activation(x)`, elementwise.
 * @throws {OpsError} if the activation has no `forward`, or returns anything else than a tensor of the shape of `x`.
 */
export function activate<T extends Tensor>(x: T, activation: Activation): T {
  const forward: unknown = (activation as Partial<Activation> | undefined)?.forward;
  if (typeof forward !== "function")
    throw new OpsError({
      where: "activate",
      expected: "an activation, from defineActivation",
      got: kindOf(activation),
    });
  return tidy(() => checkedResult(`activation ${JSON.stringify(activation.name)}`, activation.forward(x), x) as T);
}
