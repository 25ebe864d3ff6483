import { Param } from "@mixtape/layers";
import type { ModelParam } from "../targets/model-params.js";

/** Copy of a parameter of the model that the adapter uses in its place: trained in full, or as in the adapter's file. */
export interface CopiedParam extends ModelParam {
  /** The copy. Parameters that are tied in the adapter have one for both. */
  readonly copy: Param;
  /** True if it trains with the adapter. */
  readonly isTrained: boolean;
  /** Name of its tensor in the adapter's file, without the prefix; null where that of a tied parameter stands for both. */
  readonly file: string | null;
  /** Rows that the file holds, where the others are the model's; null for all. */
  readonly rows: readonly number[] | null;
}

/** Creates a copy with a shape and no values. @param copy that of a parameter that is tied to this one */
export function copyOf(
  found: ModelParam,
  { isTrained, file = found.name, rows = null }: Pick<CopiedParam, "isTrained"> & Partial<CopiedParam>,
  copy?: Param,
): CopiedParam {
  const { shape, role, init, hasGradient } = found.param;
  return { ...found, copy: copy ?? new Param(shape, role, init, { hasGradient }), isTrained, file, rows };
}

/** Runs `f` while forward passes use these copies. */
export function withCopies<T>(copies: readonly CopiedParam[], f: () => T): T {
  const before = copies.map(({ param }) => param.overlay);
  for (const { param, copy } of copies) param.overlay = copy;
  try {
    return f();
  } finally {
    for (const [i, { param }] of copies.entries()) param.overlay = before[i]!;
  }
}
