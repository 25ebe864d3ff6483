import { type ForCausalLM, readConfig, summarize } from "@mixtape/decoder";
import { familyOf } from "@mixtape/mixtape";
import { bytesPerElement, openCheckpoint } from "@mixtape/safetensors";

/** Weights that a token uses. */
export interface Work {
  /** All weights, for a token whose logits are needed: of the experts only the routed ones, and no embedding. */
  readonly weights: number;
  /** Weights of the head, which only the last token of a prompt uses. */
  readonly headWeights: number;
  /** Weights of the routed experts. */
  readonly routedWeights: number;
  /** Fraction of the routed experts that one token uses. */
  readonly routedShare: number;
  /** Bytes per weight on disk. */
  readonly bytesPerWeight: number;
  /** One line about the model. */
  readonly summary: string;
}

/** Computes the work of a checkpoint from its config and its largest tensor. */
export async function workOf(folder: string): Promise<Work> {
  const { json, where } = await readConfig(folder);
  const Family = familyOf(json.model_type, where);
  const model: ForCausalLM = new Family(Family.family.config.parse(json, { file: where }));
  const { modelType, layers, experts, parameters } = summarize(model);
  const routedShare = experts.perToken / experts.total;
  let weights = 0;
  let routedWeights = 0;
  for (const [, param] of model.namedParameters()) {
    if (param.role === "matrix" || param.role === "vector") weights += param.size;
    if (param.role === "stack" || param.role === "vectors") routedWeights += param.size * routedShare;
  }
  weights += routedWeights;
  const { hiddenSize, vocabSize } = model.config;
  return {
    weights,
    headWeights: hiddenSize * vocabSize,
    routedWeights,
    routedShare,
    bytesPerWeight: await bytesPerWeight(folder),
    summary:
      `${modelType}, ${layers.total} layers of which ${layers.moe} have ${experts.total} experts, ` +
      `${experts.perToken} of them and ${experts.shared} shared per token; hidden size ${hiddenSize}, ` +
      `vocabulary ${vocabSize}; ${millions(parameters.total)} parameters, ${millions(weights)} multiplied by per token`,
  };
}

/** Returns the bytes read to generate a token. */
export function decodeBytes({ weights, bytesPerWeight }: Work): number {
  return weights * bytesPerWeight;
}

/** Returns the operations of a prompt, without attention. */
export function prefillFlops({ weights, headWeights }: Work, tokens: number): number {
  return 2 * ((weights - headWeights) * tokens + headWeights);
}

/**
 * Returns the bytes read for a prompt if all experts are equally likely: the more tokens, the fewer experts remain
 * unused.
 */
export function prefillBytes({ weights, routedWeights, routedShare, bytesPerWeight }: Work, tokens: number): number {
  const met = 1 - (1 - routedShare) ** tokens;
  return (weights - routedWeights + (routedWeights / routedShare) * met) * bytesPerWeight;
}

async function bytesPerWeight(folder: string): Promise<number> {
  await using source = await openCheckpoint(folder);
  const views = source.names.map((name) => source.tensor(name));
  return bytesPerElement(views.reduce((a, b) => (b.byteLength > a.byteLength ? b : a)).dtype);
}

function millions(n: number): string {
  return `${(n / 1e6).toLocaleString("en-US", { maximumFractionDigits: 1, minimumFractionDigits: 1 })} million`;
}
