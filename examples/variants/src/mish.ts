import { registerActivation } from "@mixtape/layers";
import { defineActivation } from "@mixtape/ops";
import { mul, softplus, tanh } from "@tensorflow/tfjs-core";

/** Mish (Misra 2019, https://arxiv.org/abs/1908.08681), for any family: `hidden_act: "mish"`. */
export const mish = registerActivation(defineActivation({ name: "mish", forward: (x) => mul(x, tanh(softplus(x))) }));

declare module "@mixtape/config" {
  interface HiddenActs {
    mish: "x · tanh(ln(1 + e^x))";
  }
}
