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
 * @throws {LayersError} for anything else than an activation with a name, if another activation has the name, or a synonym is no
 *   name.
 */
export function registerActivation<A extends Gating>(activation: A, synonyms: readonly string[] = []): A {
  checkRegistered(activation, synonyms);
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

function checkRegistered(activation: unknown, synonyms: unknown): void {
  const { name, gate } = (activation ?? {}) as Partial<Record<string, unknown>>;
  const isName = (value: unknown) => typeof value === "string" && value.trim() !== "";
  if (!isName(name) || typeof gate !== "function")
    throw new LayersError({
      where: "registerActivation",
      expected: "an activation from defineActivation or defineGating",
      got: isName(name) ? `${JSON.stringify(name)} without a function gate` : "something without a name",
      fix: "registerActivation(defineActivation({ name, forward }))",
    });
  if (!Array.isArray(synonyms) || !synonyms.every(isName))
    throw new LayersError({
      where: "registerActivation: synonyms",
      expected: "a list of names",
      got: JSON.stringify(synonyms) ?? "something else",
    });
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
