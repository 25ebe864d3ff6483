import { mul, type Tensor, tidy } from "@tensorflow/tfjs-core";

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

/** Defines an activation function. */
export function defineActivation(activation: {
  readonly name: string;
  /** Function in TensorFlow.js operations: the definition and, differentiated, the gradient. */
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

/** Defines a gating that is not the product of an activation and `up`. */
export function defineGating(gating: Gating): Gating {
  return gating;
}

/** Computes `activation(x)`, elementwise. */
export function activate<T extends Tensor>(x: T, { forward }: Activation): T {
  return tidy(() => forward(x) as T);
}
