import type { Adapter } from "../adapter/adapter.js";
import { type LoraConfig, loraConfig } from "../config/adapter-config.js";
import { Dora } from "../layers/dora.js";
import type { ExpertLayout, TargetModule } from "../targets/target-module.js";

/** `adapter_config.json` as Hugging Face peft reads it: targets by the names that the model has there. */
export function peftConfig(
  adapter: Adapter,
  targets: readonly TargetModule[],
  layout: ExpertLayout,
): Record<string, unknown> {
  const config = adapter.config as LoraConfig;
  const chosen = [...adapter.layers.keys()];
  const isParameter = (target: TargetModule): boolean =>
    isBareRouter(target) || (target.kind === "experts" && layout === "fused");
  const named = (wanted: (target: TargetModule) => boolean): string[] =>
    shortest(
      chosen.filter(wanted).map((target) => targetOf(target, layout)),
      targets.filter(wanted).map((target) => targetOf(target, layout)),
    );
  const parameters = named(isParameter);
  const others = chosen.filter(
    (target) => adapter.layers.get(target)!.options.rank !== config.r || alphaOf(adapter, target) !== config.loraAlpha,
  );
  const patternOf = (value: (target: TargetModule) => number) =>
    Object.fromEntries(others.map((target) => [targetOf(target, layout).replaceAll(".", "\\."), value(target)]));
  const json = loraConfig.toJSON(
    loraConfig.create({
      r: config.r,
      loraAlpha: config.loraAlpha,
      // peft takes none at parameters.
      loraDropout: chosen.some((target) => isParameter(target) || target.kind === "experts") ? 0 : config.loraDropout,
      useRslora: config.useRslora,
      useDora: config.useDora,
      // How an adapter began in peft says nothing any more.
      initLoraWeights: config.initLoraWeights === "gaussian" ? "gaussian" : true,
      targetModules: named((target) => !isParameter(target)),
      ...(parameters.length > 0 && { targetParameters: parameters }),
      ...(config.modulesToSave && { modulesToSave: config.modulesToSave }),
      ...(config.trainableTokenIndices && { trainableTokenIndices: config.trainableTokenIndices }),
      // LoRA of both is in the file, and equal where it was tied.
      ensureWeightTying: config.ensureWeightTying && config.modulesToSave !== undefined,
      loraBias: config.loraBias,
      rankPattern: patternOf((target) => adapter.layers.get(target)!.options.rank),
      alphaPattern: patternOf((target) => alphaOf(adapter, target)),
      baseModelNameOrPath: config.baseModelNameOrPath,
    }),
  );
  return { peft_type: "LORA", task_type: adapter.taskType, bias: "none", inference_mode: true, ...json };
}

/**
 * Returns why Hugging Face peft cannot load an adapter; null if it can. It has no DoRA for parameters, which routers and fused
 * experts are
 * there, and takes a linear map for routed experts if its name is that of their matrices on disk.
 */
export function peftIncompatibilityOf(
  adapter: Adapter,
  targets: readonly TargetModule[],
  layout: ExpertLayout,
): string | null {
  const ofExperts = new Set(targets.flatMap(({ perExpert }) => (perExpert ? [leafOf(perExpert)] : [])));
  const chosen = [...adapter.layers.keys()];
  for (const [target, layer] of adapter.layers) {
    if (layer instanceof Dora && (target.kind === "experts" || isBareRouter(target))) return `DoRA at ${target.name}`;
    if (target.linear && ofExperts.has(leafOf(target.name)))
      return `an adapter at ${target.name}, which it takes for routed experts`;
    if (layout === "fused" || target.kind !== "experts") continue;
    if ((adapter.config as LoraConfig).useRslora)
      return `rank-stabilized scales of gate and up apart at ${target.name}`;
    if (layer.options.rank !== (adapter.config as LoraConfig).r) return `ranks of their own at ${target.name}`;
    const twin = { gate_proj: "up_proj", up_proj: "gate_proj" }[leafOf(target.name)];
    if (twin && !chosen.some((other) => other.feedForward === target.feedForward && leafOf(other.name) === twin))
      return `${target.name} without ${twin}`;
  }
  return null;
}

/** Returns the layout of the experts in an adapter's file: fused, unless gate and up have updates of their own. */
export function expertLayoutFor(adapter: Adapter): ExpertLayout {
  const isApart = [...adapter.layers.keys()].some(
    ({ kind, name }) => kind === "experts" && /\.(gate|up)_proj$/.test(name),
  );
  return isApart ? "apart" : "fused";
}

function alphaOf(adapter: Adapter, target: TargetModule): number {
  const { rank, scale } = adapter.layers.get(target)!.options;
  const alpha = scale * ((adapter.config as LoraConfig).useRslora ? Math.sqrt(rank) : rank);
  // What rounding has done to a number that was written in decimals.
  return Number(alpha.toPrecision(12));
}

/** The name by which a site is a target in peft. */
function targetOf(target: TargetModule, layout: ExpertLayout): string {
  if (isBareRouter(target)) return `${target.peftModule}.weight`;
  if (target.kind !== "experts") return target.peftModule;
  return layout === "apart" && target.perExpert ? target.perExpert.replace(".*", "") : target.name;
}

/** Transformers' routers hold their matrix as a parameter; and where it is a linear map, peft takes it for one. */
function isBareRouter({ name }: TargetModule): boolean {
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
