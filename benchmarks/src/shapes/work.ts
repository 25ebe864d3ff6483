import { type ForCausalLM, readConfig, summarize } from "@mixtape/decoder";
import { familyOf, inspectModel, openGguf, type WeightsByKind } from "@mixtape/mixtape";

/** Weights that a token uses. */
export interface Work {
  /** All weights, for a token whose logits are needed: of the experts only the routed ones, and no embedding. */
  readonly weights: number;
  /** Weights of the head, which only the last token of a prompt uses. */
  readonly headWeights: number;
  /** Fraction of the routed experts that one token uses. */
  readonly routedShare: number;
  /** Bytes of all weights that a token uses, in the format of the file, and of the routed experts among them. */
  readonly bytes: number;
  readonly routedBytes: number;
  /** One line about the model. */
  readonly summary: string;
}

/** Computes the work of a model from its config and the headers of its files. @param path a folder, or a GGUF file */
export async function workOf(path: string): Promise<Work> {
  const { json, where } = await readConfig(path.endsWith(".gguf") ? await openGguf(path) : path);
  const Family = familyOf(json.model_type, where);
  const model: ForCausalLM = new Family(Family.family.config.parse(json, { file: where }));
  const { modelType, layers, experts, parameters } = summarize(model);
  const routedShare = experts.perToken / experts.total;
  let weights = 0;
  for (const [, param] of model.namedParameters()) {
    if (param.role === "matrix" || param.role === "vector") weights += param.size;
    if (param.role === "stack" || param.role === "vectors") weights += param.size * routedShare;
  }
  const { hiddenSize, vocabSize } = model.config;
  return {
    weights,
    headWeights: hiddenSize * vocabSize,
    routedShare,
    ...bytesOf((await inspectModel(path)).weights, routedShare),
    summary:
      `${modelType}, ${layers.total} layers of which ${layers.moe} have ${experts.total} experts, ` +
      `${experts.perToken} of them and ${experts.shared} shared per token; hidden size ${hiddenSize}, ` +
      `vocabulary ${vocabSize}; ${millions(parameters.total)} parameters, ${millions(weights)} multiplied by per token`,
  };
}

/** Returns the bytes read to generate a token. */
export function decodeBytes({ bytes }: Work): number {
  return bytes;
}

/** Returns the operations of a prompt, without attention. */
export function prefillFlops({ weights, headWeights }: Work, tokens: number): number {
  return 2 * ((weights - headWeights) * tokens + headWeights);
}

/**
 * Returns the bytes read for so many tokens at once, of a prompt or of rows, if all experts are equally likely: the
 * more tokens, the fewer experts remain unused.
 */
export function stepBytes({ bytes, routedBytes, routedShare }: Work, tokens: number): number {
  const met = 1 - (1 - routedShare) ** tokens;
  return bytes - routedBytes + (routedBytes / routedShare) * met;
}

function bytesOf(kinds: WeightsByKind, routedShare: number): Pick<Work, "bytes" | "routedBytes"> {
  const stored = new Map(
    Object.entries(kinds).map(([kind, formats]) => [
      kind,
      Object.values(formats).reduce((sum, { bytes }) => sum + bytes, 0),
    ]),
  );
  const routedBytes = (stored.get("experts") ?? 0) * routedShare;
  stored.delete("experts");
  // An embedding that is the head too is multiplied by.
  if (stored.has("head")) stored.delete("embedding");
  return { bytes: routedBytes + [...stored.values()].reduce((a, b) => a + b, 0), routedBytes };
}

function millions(n: number): string {
  return `${(n / 1e6).toLocaleString("en-US", { maximumFractionDigits: 1, minimumFractionDigits: 1 })} million`;
}
