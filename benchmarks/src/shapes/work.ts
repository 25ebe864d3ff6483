import { type CausalLM, readConfig, summarize } from "@mixtape/decoder";
import { familyOf } from "@mixtape/mixtape";

/** How many weights a token is multiplied by. */
export interface Work {
  /** All of them, for a token whose logits are wanted: routed experts alone, no table that is only looked up. */
  readonly weights: number;
  /** Those of the head among them, which of a prompt only the last token meets. */
  readonly headWeights: number;
  /** One line about the model. */
  readonly summary: string;
}

/** Counts the work of a checkpoint from its config. */
export async function workOf(folder: string): Promise<Work> {
  const { json, where } = await readConfig(folder);
  const Family = familyOf(json.model_type, where);
  const model: CausalLM = new Family(Family.config.parse(json, { file: where }));
  const { modelType, layers, experts, parameters } = summarize(model);
  let weights = 0;
  for (const [, param] of model.namedParameters()) {
    if (param.role === "matrix") weights += param.size;
    if (param.role === "stack") weights += (param.size * experts.perToken) / experts.total;
  }
  const { hiddenSize, vocabSize } = model.config;
  return {
    weights,
    headWeights: hiddenSize * vocabSize,
    summary:
      `${modelType}, ${layers.total} layers of which ${layers.moe} have ${experts.total} experts, ` +
      `${experts.perToken} of them and ${experts.shared} shared per token; hidden size ${hiddenSize}, ` +
      `vocabulary ${vocabSize}; ${millions(parameters.total)} parameters, ${millions(weights)} multiplied by per token`,
  };
}

function millions(n: number): string {
  return `${(n / 1e6).toFixed(1)} million`;
}
