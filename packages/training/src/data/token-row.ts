/** Rows of tokens, as in trl's prepared datasets. */

import { IGNORED } from "../batch.js";
import { DataError } from "../errors.js";
import { kindOf } from "./kind-of.js";
import { maskLabels } from "./label-masks.js";

type Row = Readonly<Record<string, unknown>>;

const MASKS = ["completion_mask", "assistant_masks"];

/**
 * Reads `input_ids` with `labels`, or with `completion_mask` and `assistant_masks`, from which labels are computed;
 * without either all tokens have a loss. Where `attention_mask` is 0 there is padding, which is removed.
 * @throws {DataError} for invalid ids, and lists of different lengths
 */
export function tokenRow(row: Row, where: string): { inputIds: readonly number[]; labels: readonly number[] } {
  const ids = integers(row.input_ids, `${where}: input_ids`, 0);
  const beside = (key: string, least: number): readonly number[] | undefined => {
    if (row[key] === undefined) return undefined;
    const values = integers(row[key], `${where}: ${key}`, least);
    if (values.length !== ids.length)
      throw new DataError({
        where: `${where}: ${key}`,
        expected: `${ids.length} numbers, as many as in input_ids`,
        got: `${values.length}`,
      });
    return values;
  };
  const given = beside("labels", IGNORED);
  const masks = MASKS.flatMap((key) => {
    const mask = beside(key, 0);
    return mask ? [mask] : [];
  });
  const labels = given ?? maskLabels(ids, ...masks);
  const wrong = labels.findIndex((label) => label < 0 && label !== IGNORED);
  if (wrong !== -1)
    throw new DataError({
      where: `${where}: labels[${wrong}]`,
      expected: `a token id, or ${IGNORED}`,
      got: `${labels[wrong]}`,
    });
  const attention = beside("attention_mask", 0);
  if (!attention) return { inputIds: ids, labels };
  const isToken = (_: number, i: number): boolean => attention[i] !== 0;
  return { inputIds: ids.filter(isToken), labels: labels.filter(isToken) };
}

function integers(value: unknown, where: string, least: number): number[] {
  if (!Array.isArray(value)) throw new DataError({ where, expected: "a list of integers", got: kindOf(value) });
  const wrong = value.findIndex((item) => !Number.isInteger(item) || item < least || item >= 2 ** 31);
  if (wrong === -1) return value as number[];
  const got = typeof value[wrong] === "number" ? `${value[wrong]}` : kindOf(value[wrong]);
  throw new DataError({ where: `${where}[${wrong}]`, expected: `an integer of at least ${least}`, got });
}
