import type { AdapterConfig, Targets } from "../config/adapter-config.js";
import { compilePattern, type Pattern } from "./patterns.js";
import type { TargetModule } from "./target-module.js";

/** Says whether a target module matches a list of names, a regular expression or `"all-linear"`. */
export function moduleFilter(targets: Targets, where: string): (target: TargetModule) => boolean {
  if (typeof targets !== "string") return ({ names }) => endsAsOne(names, targets);
  if (targets.toLowerCase() === "all-linear") return isLinear;
  const pattern = compilePattern(targets, where);
  return (target) => namesInFiles(target).some((name) => pattern.fullMatch(name));
}

/**
 * Says the same as peft 0.21 does for a file: a regular expression of a mixture of experts is brought down to the last parts of the
 * names that it matches, and so matches modules of that name in all layers (`_resolve_string_target_modules`).
 */
export function looseModuleFilter(
  targets: Targets,
  where: string,
  all: readonly TargetModule[],
): (target: TargetModule) => boolean {
  if (typeof targets !== "string" || targets.toLowerCase() === "all-linear") return moduleFilter(targets, where);
  const pattern = compilePattern(targets, where);
  const matched = all.flatMap((target) => namesInFiles(target).filter((name) => pattern.fullMatch(name)));
  const leaves = [...new Set(matched.map((name) => name.slice(name.lastIndexOf(".") + 1)))];
  return ({ names }) => endsAsOne(names, leaves);
}

/** Says whether a module is within one that trains in full, which no LoRA is added to (peft's `check_target_module_exists`). */
export function savedFilter(config: AdapterConfig): (target: TargetModule) => boolean {
  const saved = config.method === "lora" ? (config.modulesToSave ?? []) : [];
  const patterns = saved.map((module) => compilePattern(`(?:.*\\.)?(?:${module})(?:\\..*)?`, "modulesToSave"));
  return ({ names }) => patterns.some((pattern) => names.some((name) => pattern.fullMatch(name)));
}

/** All linear maps but the head, as in peft. */
function isLinear({ kind, weights }: TargetModule): boolean {
  return (kind === "linear" || kind === "experts") && weights.length === 1;
}

/** Says whether a target module is in a layer that `layersToTransform` and `layersPattern` ask for. */
export function layerFilter(config: AdapterConfig): (target: TargetModule) => boolean {
  if (config.method !== "lora") return () => true;
  const { layersToTransform, layersPattern, targetModules } = config;
  const layers = layersToTransform === undefined ? [] : [layersToTransform].flat();
  if (layers.length === 0) return () => true;
  const lists = [layersPattern ?? []].flat().map((source) => compilePattern(`(?:.*\\.)?${source}`, "layersPattern"));
  const whole = typeof targetModules === "object" ? targetModules : [];
  // As in peft, a target that is given by its whole name is in.
  return ({ name, names }) => names.some((own) => whole.includes(own)) || layers.includes(layerOf(name, lists));
}

/** The first number in a name that stands after the name of a list of layers. −1 where there is none. */
function layerOf(name: string, lists: readonly Pattern[]): number {
  const parts = name.split(".");
  const isList = (end: number): boolean => {
    const list = parts.slice(0, end).join(".");
    return lists.length === 0 ? end > 1 : lists.some((pattern) => pattern.fullMatch(list));
  };
  const at = parts.findIndex((part, i) => /^\d+$/.test(part) && i + 1 < parts.length && isList(i));
  return at < 0 ? -1 : Number(parts[at]);
}

/** True if one of the names is a target or ends with it. */
export function endsAsOne(names: readonly string[], targets: readonly string[]): boolean {
  return targets.some((target) => names.some((name) => name === target || name.endsWith(`.${target}`)));
}

/** The names of a target module, and that of its first matrix where files have one for each expert. */
function namesInFiles({ names, perExpert }: TargetModule): readonly string[] {
  return perExpert ? [...names, perExpert.replace("*", "0")] : names;
}
