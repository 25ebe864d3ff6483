import { registerHiddenAct } from "@mixtape/config";
import { ACTIVATIONS, type Activation, type Gating } from "@mixtape/ops";
import { LayersError } from "./errors.js";

const gatings = new Map<string, Gating>(ACTIVATIONS.map((activation) => [activation.name, activation]));

/**
 * Registers a custom activation for `hidden_act` of configs; feed-forwards, engines, training and saved models then
 * know it.
 *
 * ```ts
 * export const mish = registerActivation(
 *   defineActivation({ name: "mish", forward: (x) => mul(x, tanh(softplus(x))) }),
 * );
 * ```
 *
 * @param activation from `defineActivation` or, for a formula of gate and up, from `defineGating`
 * @param synonyms other names of the same function in files
 * @returns the activation
 * @throws {LayersError} if another activation has the name.
 */
export function registerActivation<A extends Gating>(activation: A, synonyms: readonly string[] = []): A {
  const { name } = activation;
  const known = gatings.get(name);
  if (known && known !== activation)
    throw new LayersError({
      where: "registerActivation",
      expected: "a name that no activation has",
      got: JSON.stringify(name),
      fix: "Choose another name",
    });
  gatings.set(name, activation);
  registerHiddenAct(name, synonyms);
  return activation;
}

/**
 * Returns the gating of a gated MLP by its name in a config.
 * @throws {LayersError} if there is none of that name.
 */
export function gatingOf(name: string): Gating {
  const gating = gatings.get(name);
  if (gating) return gating;
  throw new LayersError({
    where: "hidden_act",
    expected: `one of ${[...gatings.keys()].join(", ")}`,
    got: JSON.stringify(name),
    fix: "Register it with registerActivation",
  });
}

/**
 * Returns the activation function by its name in a config, for an MLP without a gate.
 * @throws {LayersError} if there is none of that name, or it is a formula of gate and up.
 */
export function activationOf(name: string): Activation {
  const gating = gatingOf(name);
  if ("forward" in gating) return gating as Activation;
  throw new LayersError({
    where: "hidden_act",
    expected: "a function of one tensor",
    got: `${name}, a gating of two`,
    fix: "Use it in a GatedMlp or in Experts",
  });
}
