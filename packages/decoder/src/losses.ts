import { crossEntropy } from "@mixtape/ops";
import {
  div,
  gather,
  reshape,
  type Scalar,
  sum,
  type Tensor2D,
  type Tensor3D,
  tensor1d,
  tidy,
} from "@tensorflow/tfjs-core";
import type { Batch } from "./batch.js";
import { DecoderError } from "./errors.js";

/** Label of a position that the loss ignores. */
export const IGNORED = -100;

/**
 * Mean cross-entropy of the next token, in nats: the logits of position i against label i + 1.
 *
 * @param logits `[B, L, V]`
 * @param labels `[B, L]`, −100 is ignored
 * @param numItems divisor of the sum. Default: the number of labels that are not ignored.
 * @throws {DecoderError} if all labels are ignored (the reference returns NaN), or one is outside the vocabulary.
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
