/** Losses of classification and question answering, as transformers computes them (`loss/loss_utils.py`). */

import type { DecoderConfig } from "@mixtape/config";
import { crossEntropy } from "@mixtape/ops";
import {
  add,
  div,
  gather,
  mul,
  reshape,
  type Scalar,
  softplus,
  square,
  sub,
  sum,
  type Tensor2D,
  type Tensor3D,
  tensor1d,
  tensor2d,
  tidy,
} from "@tensorflow/tfjs-core";
import type { Batch } from "../batch.js";
import { DecoderError } from "../errors.js";
import { IGNORED } from "../losses.js";
import { type Labels, type LabelsInput, readWholes, sizeOf } from "./labels.js";

/** The loss of a sequence classifier. */
export type ProblemType = NonNullable<DecoderConfig["problemType"]>;

/**
 * Infers the loss from the labels: with one label the problem is regression, an integer for each row means one of
 * several classes, and a list for each row means any of them. transformers distinguishes by the dtype, integer or
 * float, and the same shapes.
 * @throws {DecoderError} for fractions if there are several classes
 */
export function problemTypeOf(labels: Labels, numLabels: number): ProblemType {
  if (numLabels === 1) return "regression";
  if (labels.width !== null && labels.width === numLabels) return "multi_label_classification";
  const fraction = labels.values.find((value) => !Number.isInteger(value));
  if (fraction === undefined && (labels.width ?? 1) === 1) return "single_label_classification";
  throw new DecoderError({
    where: "labels",
    expected: `a class from 0 to ${numLabels - 1} for each row, or ${numLabels} numbers for each`,
    got: fraction === undefined ? sizeOf(labels) : `${fraction}`,
    fix: 'For numbers instead of classes set problem_type to "regression" in config.json',
  });
}

/**
 * Loss of a sequence classifier: mean squared error, mean cross-entropy in nats, or mean binary cross-entropy of each
 * class.
 * @param logits `[B, C]`
 * @param labels `[B]` classes, −100 is ignored; or `[B, C]` numbers or flags, `[B]` if C is 1
 * @param numItems divisor instead of the number of rows that are not ignored
 * @throws {DecoderError} if labels do not fit the logits, or all are ignored
 */
export function sequenceLoss(logits: Tensor2D, labels: Labels, problemType: ProblemType, numItems?: number): Scalar {
  const [b, c] = logits.shape;
  if (problemType === "single_label_classification") {
    const classes = { rows: b, length: 1, values: Int32Array.from(readWholes(valuesOf(labels), b, "labels")) };
    return tokenLoss(reshape(logits, [b, 1, c]), classes, numItems);
  }
  if (labels.rows !== b || (labels.width ?? 1) !== c)
    throw new DecoderError({
      where: "labels",
      expected: `${b} × ${c} numbers for ${problemType.replaceAll("_", " ")}`,
      got: sizeOf(labels),
    });
  return tidy(() => {
    const targets = tensor2d(Float32Array.from(labels.values), [b, c]);
    // −y·log σ(x) − (1 − y)·log(1 − σ(x)) = softplus(x) − x·y
    const terms =
      problemType === "regression" ? square(sub(logits, targets)) : sub(softplus(logits), mul(logits, targets));
    return div(sum(terms), (numItems ?? b) * c) as Scalar;
  });
}

/**
 * Mean cross-entropy of the class of each token, in nats. Nothing is shifted.
 * @param logits `[B, L, C]`
 * @param labels `[B, L]`, −100 is ignored
 * @param numItems divisor instead of the number of labels that are not ignored
 * @throws {DecoderError} if all labels are ignored (transformers returns NaN), or one is not a class
 */
export function tokenLoss(logits: Tensor3D, labels: Batch, numItems?: number): Scalar {
  const [b, l, c] = logits.shape;
  if (labels.rows !== b || labels.length !== l)
    throw new DecoderError({ where: "labels", expected: `${b} × ${l}`, got: `${labels.rows} × ${labels.length}` });
  const odd = labels.values.findIndex((label) => label !== IGNORED && (label < 0 || label >= c));
  if (odd >= 0)
    throw new DecoderError({
      where: l === 1 ? `labels[${odd}]` : `labels[${Math.floor(odd / l)}][${odd % l}]`,
      expected: `a class from 0 to ${c - 1}, or ${IGNORED}`,
      got: `${labels.values[odd]}`,
    });
  return classLoss(reshape(logits, [b * l, c]), labels.values, { ignored: IGNORED, numItems, what: "labels" });
}

/**
 * Mean of the cross-entropies of an answer's start and end, in nats. Positions are clamped to `[0, L]`, and L, beyond
 * the text, is ignored.
 * @param logits `[B, L]`, of the starts and of the ends
 * @param positions one for each row
 * @param numItems divisor instead of the number of positions that are not ignored, of the starts and of the ends
 * @throws {DecoderError} if all starts or all ends are ignored (transformers returns NaN)
 */
export function spanLoss(
  logits: { readonly startLogits: Tensor2D; readonly endLogits: Tensor2D },
  positions: { readonly startPositions: LabelsInput; readonly endPositions: LabelsInput },
  numItems?: number,
): Scalar {
  const of = (side: "start" | "end"): Scalar => {
    const scores = logits[`${side}Logits`];
    const [b, l] = scores.shape;
    const what = `${side}Positions`;
    const targets = readWholes(positions[`${side}Positions`], b, what).map((at) => Math.min(Math.max(at, 0), l));
    return classLoss(scores, targets, { ignored: l, numItems, what });
  };
  return tidy(() => mul(add(of("start"), of("end")), 0.5) as Scalar);
}

/** @param logits `[N, C]` */
function classLoss(
  logits: Tensor2D,
  targets: ArrayLike<number>,
  { ignored, numItems, what }: { ignored: number; numItems: number | undefined; what: string },
): Scalar {
  const rows = Array.from(targets).flatMap((target, row) => (target === ignored ? [] : [row]));
  if (rows.length === 0 && numItems === undefined)
    throw new DecoderError({
      where: what,
      expected: `at least one that is not ${ignored}`,
      got: "none",
    });
  return tidy(() => {
    // If all rows are ignored: an empty sum that still has a gradient.
    if (rows.length === 0) return sum(mul(logits, 0)) as Scalar;
    const kept = gather(logits, tensor1d(rows, "int32")) as Tensor2D;
    const classes = tensor1d(
      rows.map((row) => targets[row]!),
      "int32",
    );
    return div(sum(crossEntropy(kept, classes)), numItems ?? rows.length) as Scalar;
  });
}

function valuesOf({ values, rows, width }: Labels): LabelsInput {
  return (width ?? 1) === 1
    ? values
    : Array.from({ length: rows }, (_, row) => values.slice(row * width!, (row + 1) * width!));
}
