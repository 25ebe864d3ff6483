/** Rules between the fields of a decoder config. Messages use the model's terms, not the code's. */
import type { Report } from "./config-definition.js";
import { show } from "./config-error.js";
import type { DecoderConfig } from "./decoder-fields.js";

type Only<K extends keyof DecoderConfig> = Pick<DecoderConfig, K>;

export function checkHeads(
  c: Only<"hiddenSize" | "numAttentionHeads" | "numKeyValueHeads" | "headDim">,
  report: Report,
): void {
  if (c.numAttentionHeads % c.numKeyValueHeads !== 0) {
    report("numKeyValueHeads", {
      expected: `a divisor of the number of attention heads, ${c.numAttentionHeads}`,
      got: show(c.numKeyValueHeads),
    });
  }
  if (!Number.isInteger(c.headDim)) {
    report("headDim", {
      expected: `a width, as ${c.hiddenSize} features do not divide among ${c.numAttentionHeads} heads`,
      got: "nothing",
    });
  }
}

export function checkLayers(
  c: Only<"layerTypes" | "mlpLayerTypes" | "numHiddenLayers" | "slidingWindow">,
  report: Report,
): void {
  for (const name of ["layerTypes", "mlpLayerTypes"] as const) {
    if (c[name].length === c.numHiddenLayers) continue;
    report(name, { expected: `${c.numHiddenLayers} entries, one for each layer`, got: String(c[name].length) });
  }
  if (c.slidingWindow === null && c.layerTypes.includes("sliding_attention")) {
    report("slidingWindow", { expected: "a window size for the sliding layers", got: "null" });
  }
}

export function checkTokens(c: Only<"bosTokenId" | "eosTokenId" | "padTokenId" | "vocabSize">, report: Report): void {
  for (const name of ["bosTokenId", "eosTokenId", "padTokenId"] as const) {
    const ids = [c[name] ?? []].flat();
    // torch counts a negative padding token from the end.
    const least = name === "padTokenId" ? -c.vocabSize : 0;
    const outside = ids.find((id) => id < least || id >= c.vocabSize);
    if (outside === undefined) continue;
    report(name, {
      expected: `a token id below the size of the vocabulary, ${c.vocabSize}`,
      got: show(outside),
      fix: "Use null for none",
      // An id that no text contains. transformers refuses only such a pad token, for which the embedding has no row.
      tolerated: name !== "padTokenId",
    });
  }
}

export function checkLabels(c: Only<"numLabels" | "id2label" | "problemType">, report: Report): void {
  const named = Object.keys(c.id2label).length;
  if (named !== c.numLabels) {
    report("numLabels", { expected: `${named}, the number of names in id2label`, got: show(c.numLabels) });
  }
  if (c.numLabels === 1 && c.problemType === "single_label_classification") {
    report("problemType", { expected: '"regression", or more than one label', got: show(c.problemType) });
  }
}

/** Far above any model, and low enough that a name for each is cheap. */
const MAX_EXPERTS = 100_000;

/**
 * Checks that no token is sent to more experts than exist, and limits the experts of all layers together. For the
 * `check` of a family with experts.
 */
export function checkExperts(
  c: Only<"numHiddenLayers"> & { readonly numExperts: number; readonly numExpertsPerTok: number },
  report: Report,
): void {
  if (c.numExperts * c.numHiddenLayers > MAX_EXPERTS)
    report("numExperts", {
      expected: `at most ${MAX_EXPERTS} in the ${c.numHiddenLayers} layers together`,
      got: show(c.numExperts),
    });
  if (c.numExpertsPerTok <= c.numExperts) return;
  report("numExpertsPerTok", {
    expected: `at most the number of experts, ${c.numExperts}`,
    got: show(c.numExpertsPerTok),
  });
}
