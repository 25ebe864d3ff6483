import { Experts } from "@mixtape/layers";
import type { AdapterConfig, LoraConfig, MixtureConfig } from "../config/adapter-config.js";
import { AdapterError } from "../errors.js";
import type { AdapterLayer, UpdateOptions } from "../layers/adapter-layer.js";
import type { CopiedParam } from "../layers/copied-param.js";
import { Dora } from "../layers/dora.js";
import { Lora } from "../layers/lora.js";
import { LoraMoe } from "../layers/lora-moe.js";
import { buildRouter } from "../routing/build-router.js";
import { MixLoraRouter, type NamedRouter } from "../routing/mixlora-router.js";
import { PatternTable } from "../targets/match-target-modules.js";
import type { FeedForward, TargetModule } from "../targets/target-module.js";
import { Adapter } from "./adapter.js";

/** Builds an adapter of a config at some target modules of a model. Its parameters have shapes and no values. */
export function buildAdapter(
  name: string,
  config: AdapterConfig,
  targets: readonly TargetModule[],
  chosen: readonly TargetModule[],
  copies: readonly CopiedParam[] = [],
  taskType: string | null = "CAUSAL_LM",
): Adapter {
  const isLora = config.method === "lora";
  const layerAt = isLora ? loraBuilder(config, copies) : (target: TargetModule) => mixedAt(target, config);
  const layers = new Map(chosen.map((target) => [target, layerAt(target)]));
  const routers = new Map<FeedForward, NamedRouter>();
  if (!isLora && config.method.startsWith("mixlora"))
    for (const { name: target, feedForward } of chosen) {
      if (!feedForward || routers.has(feedForward)) continue;
      routers.set(feedForward, {
        name: target.slice(0, target.lastIndexOf(".")),
        router: mixLoraRouterOf(feedForward, config),
      });
    }
  const adapter = new Adapter(name, config, { targetModules: targets, layers, routers, copies, taskType });
  checkSizes(adapter);
  return adapter;
}

/** Largest size of a tensor: more than any engine takes. */
const MAX_SIZE = 2 ** 31 - 1;

/** Nothing is allocated yet: a config may ask for anything. */
function checkSizes(adapter: Adapter): void {
  for (const [name, { shape, size }] of adapter.namedParameters())
    if (size > MAX_SIZE)
      throw new AdapterError({
        where: name,
        expected: `a parameter of at most ${MAX_SIZE} numbers`,
        got: `[${shape}]`,
        fix: "Choose a lower rank, or fewer experts",
      });
}

function loraBuilder(config: LoraConfig, copies: readonly CopiedParam[]): (target: TargetModule) => AdapterLayer {
  const ranks = new PatternTable(config.rankPattern, "rankPattern");
  const alphas = new PatternTable(config.alphaPattern, "alphaPattern");
  return (target) => {
    const rank = ranks.get(target.names) ?? config.r;
    const alpha = alphas.get(target.names) ?? config.loraAlpha;
    const options = { rank, scale: scaleOf(alpha, rank, config.useRslora), dropout: config.loraDropout };
    if (config.loraBias && (config.useDora || target.kind === "embedding" || target.kind === "experts"))
      throw new AdapterError({
        where: "loraBias",
        expected: "LoRA at linear maps",
        got: `${config.useDora ? "DoRA" : "LoRA"} at ${target.name}`,
        fix: "Hugging Face peft has no bias there either: leave it out",
      });
    if (!config.useDora) return new Lora(target, { ...options, bias: config.loraBias });
    // Norms are those of what the adapter's update is added to.
    const weights = target.weights.map(
      (weight) => copies.find((found) => found.target === target && found.param === weight)?.copy ?? weight,
    );
    return new Dora({ ...target, weights }, options);
  };
}

/** LoRAMoE mixes in feed-forwards and MoLA anywhere; what a mixture does not mix is adapted by plain LoRA. */
function mixedAt(target: TargetModule, config: MixtureConfig): AdapterLayer {
  const { r: rank, loraAlpha, useRslora, loraDropout: dropout, numExperts: experts, routingStrategy } = config;
  const options: UpdateOptions = { rank, scale: scaleOf(loraAlpha, rank, useRslora), dropout };
  const mixed = (): AdapterLayer =>
    new LoraMoe(target, { ...options, experts }, buildRouter(config, target.inFeatures));
  if (routingStrategy === "mola") return mixed();
  if (!target.feedForward) return new Lora(target, options);
  if (routingStrategy === "loramoe") return mixed();
  return new Lora(target, { ...options, experts });
}

function mixLoraRouterOf(feedForward: FeedForward, config: MixtureConfig): MixLoraRouter {
  checkActivation(feedForward, config);
  const { jitterNoise: jitter, ffnDropout, routingStrategy } = config;
  const { shape } = feedForward instanceof Experts ? feedForward.gateProj : feedForward.gateProj.weight;
  const dropout = routingStrategy === "mixlora-switch" ? ffnDropout : 0;
  return new MixLoraRouter(buildRouter(config, shape.at(-1)!), { jitter, dropout });
}

/** MoE-PEFT writes the model's activation into the file of every MixLoRA, and may be asked for another. */
function checkActivation({ gating }: FeedForward, { actFn }: MixtureConfig): void {
  if (actFn === undefined || actFn === gating.name) return;
  throw new AdapterError({
    where: "act_fn",
    expected: `${gating.name}, the activation of the model's feed-forwards`,
    got: actFn,
    fix: "The adapter belongs to another model, or runs the feed-forwards with another activation, which is not done here",
  });
}

function scaleOf(alpha: number, rank: number, isRankStabilized: boolean): number {
  return alpha / (isRankStabilized ? Math.sqrt(rank) : rank);
}
