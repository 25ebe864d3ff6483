import { ForCausalLM, type PreTrainedModel, prefixed, sourcesOf } from "@mixtape/decoder";
import { Experts, type ForwardHook, GatedMlp, Linear, type Param } from "@mixtape/layers";
import type { Tensor } from "@tensorflow/tfjs-core";

/** Feed-forward: a gated MLP, or routed experts. */
export type FeedForward = GatedMlp | Experts;

/** Place of the forward hook of a target module. */
export interface HookPoint {
  wrapForward: ForwardHook<Tensor, Tensor> | null;
}

/**
 * A target module: a linear map, the matrices of one kind of all routed experts of a layer, the embedding, or the head over the
 * vocabulary.
 */
export interface TargetModule {
  readonly kind: "linear" | "experts" | "embedding" | "head";
  /** Name in memory: `model.layers.0.self_attn.q_proj`, `model.layers.0.mlp.experts.down_proj`. */
  readonly name: string;
  /** All names, its own first: those in transformers' memory and those in checkpoints. */
  readonly names: readonly string[];
  /** Names of its parameter in transformers' memory and in checkpoints. */
  readonly parameters: readonly string[];
  /** Name of the module in transformers' memory. */
  readonly peftModule: string;
  /** Other names of the module in files: transformers 4 has other names than 5. */
  readonly peftAliases: readonly string[];
  /** Names of its matrices in checkpoints with one tensor for each, `*` in place of the index; null if there is one. */
  readonly perExpert: string | null;
  /** Other names of these. */
  readonly perExpertAliases: readonly string[];
  /** Number of matrices: 1, or the number of routed experts. */
  readonly matrices: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Row of the padding token of the embedding, which has no gradient; null for none. */
  readonly paddingIdx: number | null;
  /**
   * Parameters of the base: `[out, in]`, of the embedding `[in, out]`, a stack `[E, out, in]`, or for `gate_up_proj` two of them
   * that share the outputs.
   */
  readonly weights: readonly Param[];
  /** The module, if it is a linear map. */
  readonly linear: Linear | null;
  /** Place of its forward hook; null for routed experts, whose feed-forward has one. */
  readonly hook: HookPoint | null;
  /** Feed-forward that it is part of. */
  readonly feedForward: FeedForward | null;
}

/** Layout of routed experts in files: fused, as in transformers 5, or apart, a tensor for each, as before. */
export type ExpertLayout = "fused" | "apart";

/** Returns all target modules of a model. */
export function targetModulesOf(model: PreTrainedModel): TargetModule[] {
  const targets: TargetModule[] = [];
  const parts = new Map<Linear, GatedMlp>();
  for (const [name, module] of model.namedModules()) {
    if (module instanceof GatedMlp)
      for (const part of [module.gateProj, module.upProj, module.downProj]) parts.set(part, module);
    if (module instanceof Linear && module !== vocabularyHead(model)?.lmHead)
      targets.push(linearTarget(model, name, module, parts.get(module) ?? null));
    if (module instanceof Experts) targets.push(...expertTargets(model, name, module));
  }
  const head = vocabularyHead(model);
  return [...targets, embeddingTarget(model), ...(head ? [headTarget(head)] : [])];
}

/** The model, if it has a head over the vocabulary. */
function vocabularyHead(model: PreTrainedModel): ForCausalLM | null {
  return model instanceof ForCausalLM ? model : null;
}

/** True if the head over the vocabulary has the weights of the embedding. */
export function hasTiedHead(model: PreTrainedModel): boolean {
  return vocabularyHead(model)?.lmHead === null;
}

function embeddingTarget(model: PreTrainedModel): TargetModule {
  const { embedTokens } = model.model;
  const name = prefixed("model.embed_tokens", model.weightMappings);
  return {
    ...sameNameTarget(name, embedTokens.weight),
    kind: "embedding",
    paddingIdx: embedTokens.paddingIdx,
    hook: embedTokens as unknown as HookPoint,
  };
}

/** Returns the head, whose weights are the embedding's in tied models. */
function headTarget(model: ForCausalLM): TargetModule {
  const { weight } = model.lmHead ?? model.model.embedTokens;
  const hook: HookPoint = {
    get wrapForward() {
      return model.wrapHead as HookPoint["wrapForward"];
    },
    set wrapForward(around) {
      model.wrapHead = around as ForCausalLM["wrapHead"];
    },
  };
  return { ...sameNameTarget("lm_head", weight), kind: "head", hook };
}

/** Returns a target module that has one name everywhere. */
function sameNameTarget(name: string, weight: Param): Omit<TargetModule, "kind" | "hook"> {
  const isTable = name.endsWith("embed_tokens");
  const [rows, columns] = weight.shape as [number, number];
  return {
    name,
    names: [name, `${name}.weight`],
    parameters: [`${name}.weight`],
    peftModule: name,
    peftAliases: [],
    perExpert: null,
    perExpertAliases: [],
    matrices: 1,
    inFeatures: isTable ? rows : columns,
    outFeatures: isTable ? columns : rows,
    paddingIdx: null,
    weights: [weight],
    linear: null,
    feedForward: null,
  };
}

function linearTarget(
  model: PreTrainedModel,
  path: string,
  linear: Linear,
  feedForward: GatedMlp | null,
): TargetModule {
  const [outFeatures, inFeatures] = linear.weight.shape as [number, number];
  const name = prefixed(path, model.weightMappings);
  const params = diskNames(model, `${path}.weight`);
  const modules = params.map((param) => param.replace(/\.weight$/, ""));
  return {
    kind: "linear",
    name,
    names: unique([name, ...modules, ...params]),
    parameters: params,
    // The name that is not on disk, if there are two.
    peftModule: modules.at(-1)!,
    peftAliases: modules.slice(0, -1),
    perExpert: null,
    perExpertAliases: [],
    matrices: 1,
    inFeatures,
    outFeatures,
    paddingIdx: null,
    weights: [linear.weight],
    linear,
    hook: linear,
    feedForward,
  };
}

function expertTargets(model: PreTrainedModel, path: string, experts: Experts): TargetModule[] {
  const name = prefixed(path, model.weightMappings);
  const target = (part: string, ...weights: Param[]): TargetModule => {
    const [matrices, rows, inFeatures] = weights[0]!.shape as [number, number, number];
    const own = `${name}.${part}`;
    const disk = weights.length === 1 ? diskNames(model, `${path}.${part}`) : [];
    const perExpert = disk.find((n) => n.includes("*"))?.replace(/\.weight$/, "") ?? null;
    return {
      kind: "experts",
      name: own,
      parameters: [own],
      names: unique([own, ...disk.map((n) => n.replace(/\.\*|\.weight$/g, ""))]),
      peftModule: name,
      peftAliases: [],
      perExpert,
      // transformers renames the block on disk before it looks at the experts in it.
      perExpertAliases: perExpert ? [`${name}.*.${perExpert.slice(perExpert.lastIndexOf(".") + 1)}`] : [],
      matrices,
      inFeatures,
      outFeatures: rows * weights.length,
      paddingIdx: null,
      weights,
      linear: null,
      hook: null,
      feedForward: experts,
    };
  };
  return [
    target("gate_proj", experts.gateProj),
    target("up_proj", experts.upProj),
    target("gate_up_proj", experts.gateProj, experts.upProj),
    target("down_proj", experts.downProj),
  ];
}

/** Returns the name of a parameter in transformers' memory; null if it is not a tensor of its own there. */
export function memoryNameOf(model: PreTrainedModel, param: string): string | null {
  const { sources } = sourcesOf(param, model.weightMappings);
  if (sources.some(({ operations }) => operations.length > 0)) return null;
  const names = sources.flatMap(({ tensors }) => tensors);
  const name = prefixed(param, model.weightMappings);
  // A tied embedding is found under the head's name too.
  return names.includes(name) ? name : names.at(-1)!;
}

/** Returns the names of a parameter on disk, and in transformers' memory, if it is a tensor of its own there. */
function diskNames(model: PreTrainedModel, param: string): string[] {
  const { names, sources } = sourcesOf(param, model.weightMappings);
  const ofItsOwn = sources.filter(({ tensors }) => tensors.length === names.length);
  return ofItsOwn.map(({ tensors }) => tensors[names.indexOf(param)]!);
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
