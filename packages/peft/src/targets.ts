import type { AdapterConfig, Targets } from "./config.js";
import { AdapterError } from "./errors.js";
import type { Site } from "./site.js";

/** What fits a model when names are given as those of the family's checkpoints. */
const EXAMPLES = "q_proj, mlp.router.gate, experts.down_proj";

/**
 * The sites that a config asks for.
 * @param strict whether every target in a list has to match something; a file that was loaded may name more
 * @throws {AdapterError} where a target matches nothing, or routed experts are asked for fused and apart at once.
 */
export function targeted(sites: readonly Site[], config: AdapterConfig, strict = true): Site[] {
  const { targetModules, excludeModules } = config;
  const parameters = config.method === "lora" ? (config.targetParameters ?? []) : [];
  if (targetModules === undefined && parameters.length === 0)
    throw new AdapterError({
      where: "targetModules",
      expected: "what to adapt",
      got: "nothing",
      fix: `Name linear maps, such as ${EXAMPLES}, or say "all-linear"`,
    });
  const named = [...(typeof targetModules === "object" ? targetModules : []), ...parameters];
  const unmatched = named.filter((name) => !sites.some((site) => matches(site, [name])));
  if (strict && unmatched.length > 0) throw matchesNothing(unmatched.join(", "), sites);

  const wanted = (site: Site): boolean =>
    matches(site, named) || (typeof targetModules === "string" && matches(site, targetModules));
  const excluded = (site: Site): boolean => excludeModules !== undefined && matches(site, excludeModules);
  const chosen = sites.filter((site) => wanted(site) && !excluded(site) && isInLayers(site, config));
  if (chosen.length === 0) throw matchesNothing(JSON.stringify(targetModules ?? parameters), sites);
  checkFused(chosen);
  return chosen;
}

function matches(site: Site, targets: Targets): boolean {
  if (targets === "all-linear") return !isFused(site);
  if (typeof targets !== "string")
    return targets.some((target) => site.names.some((name) => name === target || name.endsWith(`.${target}`)));
  const whole = wholeName(targets);
  return site.names.some((name) => whole.test(name));
}

function wholeName(source: string): RegExp {
  try {
    return new RegExp(`^(?:${source})$`);
  } catch (cause) {
    throw new AdapterError({
      where: "targetModules",
      expected: 'a list of names, a regular expression or "all-linear"',
      got: JSON.stringify(source),
      cause,
    });
  }
}

function isFused({ weights }: Site): boolean {
  return weights.length > 1;
}

function isInLayers({ name }: Site, config: AdapterConfig): boolean {
  if (config.method !== "lora" || config.layersToTransform === undefined) return true;
  const layer = /\.layers\.(\d+)\./.exec(name)?.[1];
  return layer !== undefined && [config.layersToTransform].flat().includes(Number(layer));
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
