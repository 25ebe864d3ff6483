import type { Report } from "../config-definition.js";
import { findRopeType, rotaryDim } from "./registry.js";
import type { RopeParameters } from "./rope-parameters.js";

/** Reports RoPE parameters that do not fit the heads, or contradict each other. */
export function checkRope(
  { ropeParameters: rope, headDim }: { readonly ropeParameters: RopeParameters; readonly headDim: number },
  report: Report,
): void {
  // A head width that is not an integer is reported separately.
  if (!Number.isInteger(headDim)) return;
  const dim = rotaryDim(headDim, rope);
  if (dim % 2 !== 0 || dim === 0) {
    const got = dim === headDim ? `${dim}` : `${dim} of ${headDim}`;
    report("headDim", { expected: "an even number of rotated features, at least 2", got });
    return;
  }
  findRopeType(rope.ropeType)?.check?.(rope, { dim, headDim }, (key, fault) =>
    report(key === "headDim" ? key : `ropeParameters.${key}`, fault),
  );
}
