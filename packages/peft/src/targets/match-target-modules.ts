import type { AdapterConfig } from "../config/adapter-config.js";
import { AdapterError } from "../errors.js";

import { endsAsOne, layerFilter, looseModuleFilter, moduleFilter, savedFilter } from "./module-filter.js";
import type { ExpertLayout, Site } from "./target-module.js";

export { PatternTable } from "./patterns.js";

/** What fits a model when names are given as those of the family's checkpoints. */
const EXAMPLES = "q_proj, mlp.router.gate, experts.down_proj";

/**
 * Finds the target modules of a new adapter.
 * @throws {AdapterError} where a target matches nothing, or routed experts are asked for fused and apart at once.
 */
export function targetsOf(sites: readonly Site[], config: AdapterConfig): Site[] {
  const { targetModules, excludeModules } = config;
  const parameters = parametersOf(config);
  if (targetModules === undefined && parameters.length === 0)
    throw new AdapterError({
      where: "targetModules",
      expected: "what to adapt",
      got: "nothing",
      fix: `Name linear maps, such as ${EXAMPLES}, or say "all-linear"`,
    });
  const modules = typeof targetModules === "object" ? targetModules : [];
  const unmatched = [
    ...modules.filter((name) => !sites.some((site) => endsAsOne(site.names, [name]))),
    ...parameters.filter((name) => !sites.some((site) => endsAsOne(site.parameters, [name]))),
  ];
  if (unmatched.length > 0) throw matchesNothing(unmatched.join(", "), sites);
  const isTarget = moduleFilter(targetModules ?? [], "targetModules");
  const isExcluded = moduleFilter(excludeModules ?? [], "excludeModules");
  const isSaved = savedFilter(config);
  const isInLayers = layerFilter(config);
  const chosen = sites.filter(
    (site) =>
      (isTarget(site) || endsAsOne(site.parameters, parameters)) &&
      !isExcluded(site) &&
      !isSaved(site) &&
      isInLayers(site),
  );
  if (chosen.length === 0) throw matchesNothing(JSON.stringify(targetModules ?? parameters), sites);
  checkFused(chosen);
  const tied = tiedTables(sites, config).find((site) => chosen.includes(site));
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
export function targetsInFile(sites: readonly Site[], config: AdapterConfig, layout: ExpertLayout): Site[] {
  const { targetModules, excludeModules } = config;
  const parameters = parametersOf(config);
  const isNamed = looseModuleFilter(targetModules ?? [], "target_modules", sites);
  const isExcluded = moduleFilter(excludeModules ?? [], "exclude_modules");
  const isSaved = savedFilter(config);
  const isInLayers = layerFilter(config);
  const isTarget = (site: Site): boolean =>
    endsAsOne(site.parameters, parameters) ||
    (isNamed(site) && !isExcluded(site) && !isSaved(site) && isInLayers(site));
  const halvesOf = (site: Site): Site[] =>
    sites.filter(
      (half) => isFused(site) && half !== site && half.weights.every((weight) => site.weights.includes(weight)),
    );
  const halves = new Set(sites.flatMap(halvesOf));
  const isHeld = (site: Site): boolean => (layout === "fused" ? !halves.has(site) : !isFused(site));
  const tables = tiedTables(sites, config);
  const isTied = tables.some(isTarget);
  return sites.filter(
    (site) => isHeld(site) && ([site, ...halvesOf(site)].some(isTarget) || (isTied && tables.includes(site))),
  );
}

/** The embedding and the head, where a model ties them and the config ties what adapts them. */
function tiedTables(sites: readonly Site[], config: AdapterConfig): Site[] {
  if (config.method !== "lora" || !config.ensureWeightTying) return [];
  const tables = sites.filter(({ kind }) => kind === "embedding" || kind === "head");
  return tables.every(({ weights }) => weights[0] === tables[0]!.weights[0]) ? tables : [];
}

function parametersOf(config: AdapterConfig): readonly string[] {
  return config.method === "lora" ? (config.targetParameters ?? []) : [];
}

function isFused({ weights }: Site): boolean {
  return weights.length > 1;
}

function checkFused(chosen: readonly Site[]): void {
  for (const fused of chosen.filter(isFused)) {
    const apart = chosen.find(
      (site) => site !== fused && site.weights.some((weight) => fused.weights.includes(weight)),
    );
    if (apart)
      throw new AdapterError({
        where: fused.name,
        expected: "gate_up_proj, or gate_proj and up_proj",
        got: `${fused.name} and ${apart.name}`,
      });
  }
}

function matchesNothing(what: string, sites: readonly Site[]): AdapterError {
  const known = new Set(sites.map(({ name }) => name.split(".").slice(-2).join(".")));
  return new AdapterError({
    where: "targetModules",
    expected: "targets that match a linear map of the model",
    got: what,
    fix: `It has ${[...known].join(", ")}`,
  });
}
