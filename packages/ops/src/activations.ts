import { add, erf, mul, relu, sigmoid, type Tensor, tanh, tidy } from "@tensorflow/tfjs-core";

/** The activation functions that configs may name in `hidden_act`, and that of gates. */
export type Activation = "silu" | "gelu" | "gelu_pytorch_tanh" | "relu" | "sigmoid";

/** `activation(x)`, elementwise. */
export function activate<T extends Tensor>(x: T, activation: Activation): T {
  return tidy(() => ACTIVATIONS[activation](x) as T);
}

const SQRT_HALF = Math.SQRT1_2;
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

const ACTIVATIONS: Record<Activation, (x: Tensor) => Tensor> = {
  /** x·σ(x) (Elfwing et al. 2017, https://arxiv.org/abs/1702.03118) */
  silu: (x) => mul(x, sigmoid(x)),
  /** x·Φ(x) (Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415) */
  gelu: (x) => mul(mul(x, 0.5), add(erf(mul(x, SQRT_HALF)), 1)),
  /** The same with Φ approximated by tanh, as torch's `approximate="tanh"`. */
  gelu_pytorch_tanh: (x) =>
    mul(mul(x, 0.5), add(tanh(mul(add(x, mul(mul(mul(x, x), x), 0.044715)), SQRT_2_OVER_PI)), 1)),
  relu: (x) => relu(x),
  /** 1 / (1 + e^−x) */
  sigmoid: (x) => sigmoid(x),
};
