import type { PreTrainedModel } from "@mixtape/decoder";
import type { Param } from "@mixtape/layers";
import { AdapterError } from "../errors.js";
import { hasTiedHead, memoryNameOf, type TargetModule } from "./target-module.js";

/** Parameter of the model as transformers knows it. */
export interface ModelParam {
  /** Its name in transformers' memory: `model.embed_tokens.weight`. A tied head has one of its own. */
  readonly name: string;
  readonly param: Param;
  /** The target module that it belongs to, whose forward pass may use another in its place row by row; null for others. */
  readonly target: TargetModule | null;
}

/** All parameters of a model, but for those of routed experts, which transformers holds in other tensors. */
export function modelParams(model: PreTrainedModel, targets: readonly TargetModule[]): ModelParam[] {
  const params = [...model.namedParameters()].flatMap(([own, param]) => {
    const name = memoryNameOf(model, own);
    const target = targets.find(({ linear, kind, weights }) =>
      linear ? linear.weight === param || linear.bias === param : kind !== "experts" && weights.includes(param),
    );
    return name === null ? [] : [{ name, param, target: target ?? null }];
  });
  const head = targets.find(({ kind }) => kind === "head")!;
  return !hasTiedHead(model) ? params : [...params, { name: "lm_head.weight", param: head.weights[0]!, target: head }];
}

/**
 * Finds the parameters of modules whose names end so, as `modules_to_save` of Hugging Face peft does.
 * @param strict whether each name has to match something
 * @throws {AdapterError} where a name matches nothing, or routed experts
 */
export function paramsOfModules(
  model: PreTrainedModel,
  all: readonly ModelParam[],
  modules: readonly string[],
  strict: boolean,
): ModelParam[] {
  const experts = [...model.namedParameters()]
    .map(([name]) => name)
    .filter((name) => memoryNameOf(model, name) === null);
  for (const module of modules) {
    const isWithin = (name: string): boolean => modulesAbove(name).some((above) => above.endsWith(module));
    const held = experts.find(isWithin);
    if (held !== undefined)
      throw new AdapterError({
        where: "modulesToSave",
        expected: "modules without routed experts, which cannot be trained in full in an adapter",
        got: `${JSON.stringify(module)}, which holds ${held}`,
        fix: "Name the modules in it, such as its router, and adapt the experts by LoRA",
      });
    if (strict && !all.some(({ name }) => isWithin(name)))
      throw new AdapterError({
        where: "modulesToSave",
        expected: "ends of names of modules, such as embed_tokens, lm_head, norm",
        got: JSON.stringify(module),
      });
  }
  return all.filter(({ name }) => modulesAbove(name).some((above) => modules.some((module) => above.endsWith(module))));
}

/** True if it is the embedding or the head. */
export function isTable({ target }: Pick<ModelParam, "target">): boolean {
  return target?.kind === "embedding" || target?.kind === "head";
}

/** The modules that a parameter is in: those of `a.b.weight` are `a` and `a.b`. */
function modulesAbove(name: string): string[] {
  const parts = name.split(".");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("."));
}
