import { type PlaneBytes, toFloat32 } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";

/**
 * Returns the group of each column, as stored.
 * @throws {QuantizationError} if there is no such group
 */
export function groupsOf({ bytes, dtype, name }: PlaneBytes, groups: number): (column: number) => number {
  const index = toFloat32(bytes, dtype);
  const bad = index.findIndex((group) => group < 0 || group >= groups);
  if (bad >= 0)
    throw new QuantizationError({
      where: name,
      expected: `groups from 0 to ${groups - 1}`,
      got: `${index[bad]} for column ${bad}`,
      fix: "The checkpoint is damaged",
    });
  return (column) => index[column]!;
}
