import type { Adapter } from "../adapter/adapter.js";
import { type LoraConfig, loraConfig } from "../config/adapter-config.js";
import { Dora } from "../layers/dora.js";
import type { ExpertLayout, Site } from "../targets/target-module.js";

/** `adapter_config.json` as Hugging Face peft reads it: targets by the names that the model has there. */
export function peftConfig(adapter: Adapter, sites: readonly Site[], layout: ExpertLayout): Record<string, unknown> {
  const config = adapter.config as LoraConfig;
  const chosen = [...adapter.pieces.keys()];
  const isParameter = (site: Site): boolean => isBareRouter(site) || (site.kind === "experts" && layout === "fused");
  const named = (wanted: (site: Site) => boolean): string[] =>
    shortest(
      chosen.filter(wanted).map((site) => targetOf(site, layout)),
      sites.filter(wanted).map((site) => targetOf(site, layout)),
    );
  const parameters = named(isParameter);
  const others = chosen.filter(
    (site) => adapter.pieces.get(site)!.options.rank !== config.r || alphaOf(adapter, site) !== config.loraAlpha,
  );
  const patternOf = (value: (site: Site) => number) =>
    Object.fromEntries(others.map((site) => [targetOf(site, layout).replaceAll(".", "\\."), value(site)]));
  const json = loraConfig.toJSON(
    loraConfig.create({
      r: config.r,
      loraAlpha: config.loraAlpha,
      // peft takes none at parameters.
      loraDropout: chosen.some((site) => isParameter(site) || site.kind === "experts") ? 0 : config.loraDropout,
      useRslora: config.useRslora,
      useDora: config.useDora,
      // How an adapter began in peft says nothing any more.
      initLoraWeights: config.initLoraWeights === "gaussian" ? "gaussian" : true,
      targetModules: named((site) => !isParameter(site)),
      ...(parameters.length > 0 && { targetParameters: parameters }),
      ...(config.modulesToSave && { modulesToSave: config.modulesToSave }),
      ...(config.trainableTokenIndices && { trainableTokenIndices: config.trainableTokenIndices }),
      // LoRA of both is in the file, and equal where it was tied.
      ensureWeightTying: config.ensureWeightTying && config.modulesToSave !== undefined,
      loraBias: config.loraBias,
      rankPattern: patternOf((site) => adapter.pieces.get(site)!.options.rank),
      alphaPattern: patternOf((site) => alphaOf(adapter, site)),
      baseModelNameOrPath: config.baseModelNameOrPath,
    }),
  );
  return { peft_type: "LORA", task_type: adapter.taskType, bias: "none", inference_mode: true, ...json };
}

/**
 * Why Hugging Face peft cannot place an adapter; null where it can. It has no DoRA for parameters, which routers and fused
 * experts are there, and takes a linear map for routed experts where it is called as their matrices are on disk.
 */
export function peftRefuses(adapter: Adapter, sites: readonly Site[], layout: ExpertLayout): string | null {
  const ofExperts = new Set(sites.flatMap(({ perExpert }) => (perExpert ? [leafOf(perExpert)] : [])));
  const chosen = [...adapter.pieces.keys()];
  for (const [site, piece] of adapter.pieces) {
    if (piece instanceof Dora && (site.kind === "experts" || isBareRouter(site))) return `DoRA at ${site.name}`;
    if (site.linear && ofExperts.has(leafOf(site.name)))
      return `an adapter at ${site.name}, which it takes for routed experts`;
    if (layout === "fused" || site.kind !== "experts") continue;
    if ((adapter.config as LoraConfig).useRslora) return `rank-stabilized scales of gate and up apart at ${site.name}`;
    if (piece.options.rank !== (adapter.config as LoraConfig).r) return `ranks of their own at ${site.name}`;
    const twin = { gate_proj: "up_proj", up_proj: "gate_proj" }[leafOf(site.name)];
    if (twin && !chosen.some((other) => other.feedForward === site.feedForward && leafOf(other.name) === twin))
      return `${site.name} without ${twin}`;
  }
  return null;
}

/** How the experts of an adapter lie in its file: fused, unless gate and up have updates of their own. */
export function layoutFor(adapter: Adapter): ExpertLayout {
  const isApart = [...adapter.pieces.keys()].some(
    ({ kind, name }) => kind === "experts" && /\.(gate|up)_proj$/.test(name),
  );
  return isApart ? "apart" : "fused";
}

function alphaOf(adapter: Adapter, site: Site): number {
  const { rank, scale } = adapter.pieces.get(site)!.options;
  const alpha = scale * ((adapter.config as LoraConfig).useRslora ? Math.sqrt(rank) : rank);
  // What rounding has done to a number that was written in decimals.
  return Number(alpha.toPrecision(12));
}

/** The name by which a site is a target in peft. */
function targetOf(site: Site, layout: ExpertLayout): string {
  if (isBareRouter(site)) return `${site.peftModule}.weight`;
  if (site.kind !== "experts") return site.peftModule;
  return layout === "apart" && site.perExpert ? site.perExpert.replace(".*", "") : site.name;
}

/** Transformers' routers hold their matrix as a parameter; and where it is a linear map, peft takes it for one. */
function isBareRouter({ name }: Site): boolean {
  return name.endsWith(".router.gate");
}

/** Names, by their ends where all that end so are wanted. */
function shortest(wanted: readonly string[], all: readonly string[]): string[] {
  const ends = (name: string): string => name.replace(/^.*\.layers\.\d+\./, "");
  const isWhole = (end: string): boolean =>
    all.filter((name) => ends(name) === end).every((name) => wanted.includes(name));
  return [...new Set(wanted.map((name) => (isWhole(ends(name)) ? ends(name) : name)))];
}

function leafOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
