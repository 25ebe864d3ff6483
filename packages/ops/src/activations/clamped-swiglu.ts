import { add, clipByValue, minimum, mul, sigmoid } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import type { Gating } from "./activation.js";

/** Parameters of {@link clampedSwiglu}. */
export interface ClampedSwigluOptions {
  /** Upper bound of `gate`, and bound of `up` on both sides. Above 0. */
  readonly limit: number;
  /** Slope inside the sigmoid. */
  readonly alpha: number;
}

/**
 * Clamped SwiGLU, the gating of GPT-OSS (OpenAI 2025, `GptOssExperts` of transformers): `(u + 1) · g · σ(alpha · g)` with
 * `g = min(gate, limit)` and `u = min(max(up, −limit), limit)`.
 *
 * @throws {OpsError} if `limit` is not a positive number, or `alpha` is not finite.
 */
export function clampedSwiglu({ limit, alpha }: ClampedSwigluOptions): Gating {
  if (!(limit > 0 && Number.isFinite(limit) && Number.isFinite(alpha)))
    throw new OpsError({
      where: "clampedSwiglu",
      expected: "a finite limit above 0 and a finite alpha",
      got: `limit ${limit}, alpha ${alpha}`,
    });
  return {
    name: "clamped_swiglu",
    gate: (gate, up) => {
      const g = minimum(gate, limit);
      return mul(add(clipByValue(up, -limit, limit), 1), mul(g, sigmoid(mul(g, alpha))));
    },
    scalar: (gate, up) => {
      const g = Math.min(gate, limit);
      const u = Math.min(Math.max(up, -limit), limit);
      return ((u + 1) * g) / (1 + Math.exp(-alpha * g));
    },
    kernel: { id: "clamped_swiglu", parameters: { limit, alpha } },
  };
}
