import { mul, type Tensor, tidy } from "@tensorflow/tfjs-core";

/**
 * Joins the two products of a gated MLP, elementwise: `activation(gate) · up` for most models, a formula of both for some.
 * Made by {@link defineGating}.
 */
export interface Gating {
  /** Its name, such as an activation's in `hidden_act` of a config. */
  readonly name: string;
  /** The formula in TensorFlow.js operations: its definition and, differentiated, its gradient. */
  readonly gate: (gate: Tensor, up: Tensor) => Tensor;
  /** The same formula of numbers. The kernels of `cpu` and `wasm` run it in one pass; without it they run `gate`. */
  readonly scalar?: (gate: number, up: number) => number;
  /** The name under which an engine may have it inside fused kernels. */
  readonly kernel?: GatingKernel;
}

/** An activation function: of one tensor, or of the gate of a gated MLP. Made by {@link defineActivation}. */
export interface Activation extends Gating {
  /** The function in TensorFlow.js operations. */
  readonly forward: (x: Tensor) => Tensor;
}

/** A gating as an engine's fused kernels know it. */
export interface GatingKernel {
  /** One of a published list, such as `silu`; an engine says which it has ({@link EngineTraits.fusesGating}). */
  readonly id: string;
  /** Numbers of the formula, by name. */
  readonly parameters?: Readonly<Record<string, number>>;
}

/** Defines an activation function. */
export function defineActivation(activation: {
  readonly name: string;
  /** The function in TensorFlow.js operations: its definition and, differentiated, its gradient. */
  readonly forward: (x: Tensor) => Tensor;
  /** The same function of a number, for the kernels of `cpu` and `wasm`. */
  readonly scalar?: (x: number) => number;
  readonly kernel?: GatingKernel;
}): Activation {
  const { name, forward, scalar, kernel } = activation;
  return {
    name,
    forward,
    gate: (gate, up) => mul(forward(gate), up),
    ...(scalar && { scalar: (gate: number, up: number) => scalar(gate) * up }),
    ...(kernel && { kernel }),
  };
}

/** Defines a gating that is no product of an activation and `up`. */
export function defineGating(gating: Gating): Gating {
  return gating;
}

/** `activation(x)`, elementwise. */
export function activate<T extends Tensor>(x: T, { forward }: Activation): T {
  return tidy(() => forward(x) as T);
}
