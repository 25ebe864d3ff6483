import { crossEntropy, oneHot, topKIndices } from "@mixtape/ops";
import {
  concat,
  div,
  gather,
  matMul,
  mul,
  reshape,
  type Scalar,
  softmax,
  sum,
  type Tensor2D,
  type Tensor3D,
  tensor1d,
  tensor2d,
  tidy,
} from "@tensorflow/tfjs-core";
import type { Batch } from "./batch.js";
import { DecoderError } from "./errors.js";

/** The label of a position that has no part in the loss. */
const IGNORED = -100;

/**
 * Mean cross-entropy of the next token, in nats: the logits of position i against label i + 1.
 *
 * @param logits `[B, L, V]`
 * @param labels `[B, L]`, −100 where no loss is taken
 * @param numItems by what the sum is divided; the number of labels that count where absent
 * @throws {DecoderError} where no label counts (the reference returns NaN), or one lies outside the vocabulary.
 */
export function causalLoss(logits: Tensor3D, labels: Batch, numItems?: number): Scalar {
  const [b, l, v] = logits.shape;
  if (labels.rows !== b || labels.length !== l)
    throw new DecoderError({ where: "labels", expected: `${b} × ${l}`, got: `${labels.rows} × ${labels.length}` });
  const rows: number[] = [];
  const targets: number[] = [];
  for (let row = 0; row < b; row++)
    for (let i = 0; i + 1 < l; i++) {
      const label = labels.values[row * l + i + 1]!;
      if (label === IGNORED) continue;
      if (label < 0 || label >= v)
        throw new DecoderError({
          where: `labels[${row}][${i + 1}]`,
          expected: `a token id from 0 to ${v - 1}, or ${IGNORED}`,
          got: `${label}`,
        });
      rows.push(row * l + i);
      targets.push(label);
    }
  if (rows.length === 0)
    throw new DecoderError({
      where: "labels",
      expected: `at least one that is not ${IGNORED} after the first position`,
      got: "none",
    });
  return tidy(() => {
    const kept = gather(reshape(logits, [b * l, v]), tensor1d(rows, "int32")) as Tensor2D;
    return div(sum(crossEntropy(kept, tensor1d(targets, "int32"))), numItems ?? targets.length) as Scalar;
  });
}

/**
 * The load balancing loss of Switch Transformers over all MoE layers at once, as Mixtral has it: `E · Σ_e f_e · P_e`, where f_e
 * is how many of a token's K choices fall on expert e and P_e its mean probability
 * (Fedus et al. 2021, https://arxiv.org/abs/2101.03961, equations 4 to 6).
 *
 * @param routerLogits one per MoE layer, `[B·L, E]` each
 * @param attentionMask `[B, L]`: padding does not count
 * @throws {DecoderError} where all is padding (the reference returns NaN).
 */
export function loadBalancingLoss(routerLogits: readonly Tensor2D[], k: number, attentionMask?: Batch): Scalar {
  return tidy(() => {
    const logits = routerLogits.length === 1 ? routerLogits[0]! : concat([...routerLogits], 0);
    const [rows, e] = logits.shape as [number, number];
    const counts = rowWeights(rows, routerLogits.length, attentionMask);
    const total = counts.reduce((n, value) => n + value, 0);
    if (total === 0)
      throw new DecoderError({ where: "attentionMask", expected: "at least one token", got: "padding alone" });
    const weights = tensor2d(counts, [1, rows]);
    const probabilities = softmax(logits) as Tensor2D;
    const choices = sum(oneHot(topKIndices(probabilities, k), e), 1) as Tensor2D;
    const share = div(matMul(weights, choices), total);
    const probability = div(matMul(weights, probabilities), total);
    return mul(sum(mul(share, probability)), e) as Scalar;
  });
}

/** 1 for each row of a token and 0 for padding, the mask repeated for each layer. */
function rowWeights(rows: number, layers: number, mask: Batch | undefined): Float32Array {
  const weights = new Float32Array(rows).fill(1);
  if (!mask) return weights;
  // With a cache the mask covers past tokens too, and there are router logits of the new ones alone.
  const length = rows / layers / mask.rows;
  return weights.map((_, row) => {
    const batchRow = Math.floor(row / length) % mask.rows;
    return mask.values[(batchRow + 1) * mask.length - length + (row % length)] === 0 ? 0 : 1;
  });
}
