import type { Module, Param } from "@mixtape/layers";
import { checkModule, expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";

/** A parameter with the name by which groups match it and checkpoints hold it. */
export type NamedParam = readonly [name: string, param: Param];

/**
 * Lets parameters of a module train: their values become float32, in tensors of their own. Those that no loss has a gradient
 * by, such as the bias by which experts are chosen, are left out.
 * @param match which, by their names; all where absent
 * @returns those that train now
 * @throws {TrainingError} where no name matches
 */
export function unfreeze(module: Module, match: (name: string) => boolean = () => true): NamedParam[] {
  checkModule("unfreeze", module);
  expectThat(typeof match === "function", "unfreeze: match", "a function of a parameter's name", match);
  const chosen = [...module.namedParameters()].filter(([name, param]) => param.hasGradient && match(name));
  if (chosen.length === 0)
    throw new TrainingError({
      where: "unfreeze",
      expected: "a name that matches a parameter",
      got: "none",
      fix: "namedParameters() of the module lists them",
    });
  for (const [, param] of chosen) param.unfreeze();
  return chosen;
}

/** Keeps all parameters of a module from being trained. */
export function freeze(module: Module): void {
  checkModule("freeze", module);
  for (const [, param] of module.namedParameters()) param.freeze();
}

/** The parameters of a module that train. */
export function trainableParams(module: Module): NamedParam[] {
  checkModule("trainableParams", module);
  return [...module.namedParameters()].filter(([, param]) => param.isTrainable);
}
