import type { AdapterConfig } from "../config/adapter-config.js";
import { AdapterError } from "../errors.js";

import { endsAsOne, layerFilter, looseModuleFilter, moduleFilter, savedFilter } from "./module-filter.js";
import type { ExpertLayout, TargetModule } from "./target-module.js";

export { PatternTable } from "./patterns.js";

/** Example targets, in the names of checkpoints. */
const EXAMPLES = "q_proj, mlp.router.gate, experts.down_proj";

/**
 * Finds the target modules of a new adapter.
 * @throws {AdapterError} where a target matches nothing, or routed experts are asked for fused and apart at once.
 */
export function matchTargetModules(targets: readonly TargetModule[], config: AdapterConfig): TargetModule[] {
  const { targetModules, excludeModules } = config;
  const parameters = parametersOf(config);
  if (targetModules === undefined && parameters.length === 0)
    throw new AdapterError({
      where: { option: "targetModules" },
      expected: "what to adapt",
      got: "nothing",
      fix: `Name linear maps, such as ${EXAMPLES}, or say "all-linear"`,
    });
  const modules = typeof targetModules === "object" ? targetModules : [];
  const unmatched = [
    ...modules.filter((name) => !targets.some((target) => endsAsOne(target.names, [name]))),
    ...parameters.filter((name) => !targets.some((target) => endsAsOne(target.parameters, [name]))),
  ];
  if (unmatched.length > 0) throw matchesNothing(unmatched.join(", "), targets);
  const isTarget = moduleFilter(targetModules ?? [], "targetModules");
  const isExcluded = moduleFilter(excludeModules ?? [], "excludeModules");
  const isSaved = savedFilter(config);
  const isInLayers = layerFilter(config);
  const chosen = targets.filter(
    (target) =>
      (isTarget(target) || endsAsOne(target.parameters, parameters)) &&
      !isExcluded(target) &&
      !isSaved(target) &&
      isInLayers(target),
  );
  if (chosen.length === 0) throw matchesNothing(JSON.stringify(targetModules ?? parameters), targets);
  checkFused(chosen);
  const tied = tiedTables(targets, config).find((target) => chosen.includes(target));
  if (tied)
    throw new AdapterError({
      where: "ensureWeightTying",
      expected: "no LoRA at an embedding or head that are tied",
      got: `one at ${tied.name}`,
      fix: 'Train it in full, with modulesToSave: ["embed_tokens"], or leave out ensureWeightTying',
    });
  return chosen;
}

/**
 * Finds the target modules that the config of a file may mean, as Hugging Face peft 0.21 reads it: `target_parameters` are in all
 * layers, and gate or up of routed experts mean both where the file holds them as one. Which of them are adapted, its tensors say.
 */
export function matchTargetModulesInFile(
  targets: readonly TargetModule[],
  config: AdapterConfig,
  layout: ExpertLayout,
): TargetModule[] {
  const { targetModules, excludeModules } = config;
  const parameters = parametersOf(config);
  const isNamed = looseModuleFilter(targetModules ?? [], "target_modules", targets);
  const isExcluded = moduleFilter(excludeModules ?? [], "exclude_modules");
  const isSaved = savedFilter(config);
  const isInLayers = layerFilter(config);
  const isTarget = (target: TargetModule): boolean =>
    endsAsOne(target.parameters, parameters) ||
    (isNamed(target) && !isExcluded(target) && !isSaved(target) && isInLayers(target));
  const halvesOf = (target: TargetModule): TargetModule[] =>
    targets.filter(
      (half) => isFused(target) && half !== target && half.weights.every((weight) => target.weights.includes(weight)),
    );
  const halves = new Set(targets.flatMap(halvesOf));
  const isHeld = (target: TargetModule): boolean => (layout === "fused" ? !halves.has(target) : !isFused(target));
  const tables = tiedTables(targets, config);
  const isTied = tables.some(isTarget);
  return targets.filter(
    (target) => isHeld(target) && ([target, ...halvesOf(target)].some(isTarget) || (isTied && tables.includes(target))),
  );
}

/** The embedding and the head, where a model ties them and the config ties what adapts them. */
function tiedTables(targets: readonly TargetModule[], config: AdapterConfig): TargetModule[] {
  if (config.method !== "lora" || !config.ensureWeightTying) return [];
  const tables = targets.filter(({ kind }) => kind === "embedding" || kind === "head");
  return tables.every(({ weights }) => weights[0] === tables[0]!.weights[0]) ? tables : [];
}

function parametersOf(config: AdapterConfig): readonly string[] {
  return config.method === "lora" ? (config.targetParameters ?? []) : [];
}

function isFused({ weights }: TargetModule): boolean {
  return weights.length > 1;
}

function checkFused(chosen: readonly TargetModule[]): void {
  for (const fused of chosen.filter(isFused)) {
    const apart = chosen.find(
      (target) => target !== fused && target.weights.some((weight) => fused.weights.includes(weight)),
    );
    if (apart)
      throw new AdapterError({
        where: fused.name,
        expected: "gate_up_proj, or gate_proj and up_proj",
        got: `${fused.name} and ${apart.name}`,
      });
  }
}

function matchesNothing(what: string, targets: readonly TargetModule[]): AdapterError {
  const known = new Set(targets.map(({ name }) => name.split(".").slice(-2).join(".")));
  return new AdapterError({
    where: { option: "targetModules" },
    expected: "targets that match a linear map of the model",
    got: what,
    fix: `It has ${[...known].join(", ")}`,
  });
}
