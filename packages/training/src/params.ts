import type { Module, Param } from "@mixtape/layers";
import { checkModule, expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";

/** A parameter with its name for groups and checkpoints. */
export type NamedParam = readonly [name: string, param: Param];

/**
 * Makes parameters of a module trainable: their values become float32, in separate tensors. Parameters without a
 * gradient, such as the selection bias of a router, are left out.
 * @param match selects parameters by name. Default: all.
 * @returns the parameters that are now trainable
 * @throws {TrainingError} if no name matches
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

/** Freezes all parameters of a module. */
export function freeze(module: Module): void {
  checkModule("freeze", module);
  for (const [, param] of module.namedParameters()) param.freeze();
}

/** Lists the trainable parameters of a module. */
export function trainableParams(module: Module): NamedParam[] {
  checkModule("trainableParams", module);
  return [...module.namedParameters()].filter(([, param]) => param.isTrainable);
}
