/** Rules between the fields of a decoder config. Each says what is wrong in the words of the model, not of the code. */
import type { Report } from "./config-definition.js";
import { show } from "./config-error.js";
import type { DecoderConfig } from "./decoder-fields.js";
import { type RopeParameters, rotaryDim } from "./rope.js";

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

export function checkRope({ ropeParameters: rope, headDim }: Only<"ropeParameters" | "headDim">, report: Report): void {
  // A head without a whole width is reported on its own.
  if (Number.isInteger(headDim)) checkRotaryDim(rope, headDim, report);
  if (rope.ropeType === "longrope" && rope.originalMaxPositionEmbeddings === 1 && rope.attentionFactor === null) {
    // The formula for the attention factor divides by ln(originalMaxPositionEmbeddings).
    report("ropeParameters.originalMaxPositionEmbeddings", { expected: "an integer of at least 2", got: "1" });
  }
  if (rope.ropeType === "yarn") {
    // Its bounds divide by ln θ.
    if (rope.ropeTheta <= 1) {
      report("ropeParameters.ropeTheta", { expected: 'a number above 1 for "yarn"', got: show(rope.ropeTheta) });
    }
    if (rope.betaFast < rope.betaSlow) {
      report("ropeParameters.betaFast", {
        expected: `at least the slow bound, ${rope.betaSlow}`,
        got: show(rope.betaFast),
      });
    }
  }
  if (rope.ropeType === "llama3" && rope.highFreqFactor <= rope.lowFreqFactor) {
    report("ropeParameters.highFreqFactor", {
      expected: `more than the low frequency factor, ${rope.lowFreqFactor}`,
      got: show(rope.highFreqFactor),
    });
  }
}

function checkRotaryDim(rope: RopeParameters, headDim: number, report: Report): void {
  const dim = rotaryDim(headDim, rope);
  if (dim % 2 !== 0 || dim === 0) {
    const head = rope.partialRotaryFactor === 1 ? `${dim}` : `${dim} of ${headDim}`;
    report("headDim", { expected: "an even number of rotated features, 2 at the least", got: head });
    return;
  }
  // The exponent of its formula is d / (d − 2).
  if (rope.ropeType === "dynamic" && dim === 2) {
    report("headDim", { expected: 'more than 2 rotated features for "dynamic"', got: "2" });
  }
  if (rope.ropeType !== "longrope") return;
  for (const name of ["shortFactor", "longFactor"] as const) {
    if (rope[name].length === dim / 2) continue;
    report(`ropeParameters.${name}`, {
      expected: `${dim / 2} numbers, one for each rotated pair of features`,
      got: String(rope[name].length),
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
    report("slidingWindow", { expected: "a window for the layers that slide", got: "null" });
  }
}

export function checkTokens(c: Only<"bosTokenId" | "eosTokenId" | "padTokenId" | "vocabSize">, report: Report): void {
  for (const name of ["bosTokenId", "eosTokenId", "padTokenId"] as const) {
    const ids = [c[name] ?? []].flat();
    // torch counts a padding token below 0 from the end.
    const least = name === "padTokenId" ? -c.vocabSize : 0;
    const outside = ids.find((id) => id < least || id >= c.vocabSize);
    if (outside === undefined) continue;
    report(name, {
      expected: `a token id below the size of the vocabulary, ${c.vocabSize}`,
      got: show(outside),
      fix: "Use null for none",
      // A token that no text has. transformers stops at such a pad, for which its embedding has no row.
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

/** No token can be sent to more experts than there are, and all layers together have a limit. For the `check` of a family with experts. */
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
