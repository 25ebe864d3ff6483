import type { PreTrainedModel } from "@mixtape/decoder";
import type { AdapterConfig } from "../config/adapter-config.js";
import { isTable, modelParams, paramsOfModules } from "../targets/model-params.js";
import { hasTiedHead, type TargetModule } from "../targets/target-module.js";
import { type CopiedParam, copyOf } from "./copied-param.js";

/**
 * Copies of the parameters that train in full: those of `modulesToSave`. With `ensureWeightTying`, the embedding and the head of a
 * model that ties them have one copy, if either is named.
 * @param options.strict whether each name has to match something. In a file it need not, as in peft. Default true.
 * @throws {AdapterError} where a name matches nothing, or routed experts
 */
export function trainedCopies(
  model: PreTrainedModel,
  targets: readonly TargetModule[],
  config: AdapterConfig,
  { strict = true } = {},
): CopiedParam[] {
  if (config.method !== "lora" || !config.modulesToSave?.length) return [];
  const all = modelParams(model, targets);
  const found = paramsOfModules(model, all, config.modulesToSave, strict);
  const isTied = config.ensureWeightTying && hasTiedHead(model) && found.some(isTable);
  const params = isTied ? all.filter((param) => found.includes(param) || isTable(param)) : found;
  const copies: CopiedParam[] = [];
  for (const param of params) {
    const tied = isTied && isTable(param) ? copies.find(isTable)?.copy : undefined;
    copies.push(copyOf(param, { isTrained: true }, tied));
  }
  return copies;
}
