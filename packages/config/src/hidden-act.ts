import * as z from "zod";

/**
 * Names of activation functions, as in `hidden_act` of a config, each with its formula. Declaration merging adds names,
 * for code that writes configs:
 *
 * ```ts
 * declare module "@mixtape/config" {
 *   interface HiddenActs { mish: "x · tanh(ln(1 + e^x))" }
 * }
 * ```
 */
export interface HiddenActs {
  silu: "x · σ(x)";
  gelu: "x · Φ(x)";
  gelu_pytorch_tanh: "x · Φ(x), Φ approximated by tanh";
  relu: "max(x, 0)";
  relu2: "max(x, 0)²";
  sigmoid: "σ(x)";
}

/** The name of an activation function. */
export type HiddenAct = keyof HiddenActs;

/** The activation functions that `@mixtape/ops` has, under transformers' names. */
export const HIDDEN_ACTS = ["silu", "gelu", "gelu_pytorch_tanh", "relu", "relu2", "sigmoid"] as const;

/** Canonical name of each name that a config may give: transformers has several for some functions. */
const names = new Map<string, string>([
  ...HIDDEN_ACTS.map((name) => [name, name] as const),
  ["swish", "silu"],
  ["gelu_python", "gelu"],
  ["gelu_new", "gelu_pytorch_tanh"],
  ["gelu_fast", "gelu_pytorch_tanh"],
  ["gelu_accurate", "gelu_pytorch_tanh"],
  ["gelu_python_tanh", "gelu_pytorch_tanh"],
]);

/**
 * Allows configs to name another activation function. `registerActivation` of `@mixtape/layers` calls it, with the
 * function.
 *
 * @param synonyms other names of the same function in files
 */
export function registerHiddenAct(name: string, synonyms: readonly string[] = []): void {
  for (const known of [name, ...synonyms]) names.set(known, name);
}

/** The name of an activation function: any registered name. */
export function hiddenAct() {
  const known = () => [...names.keys()].map((name) => JSON.stringify(name)).join(", ");
  return z
    .custom<HiddenAct>((value) => typeof value === "string" && names.has(value), {
      error: () => `one of ${known()}`,
    })
    .transform((name) => names.get(name) as HiddenAct);
}
