import { GgufUnsupportedError } from "../errors.js";
import type { ModelKeys } from "./model-keys.js";
import { shortestFloat32 } from "./shortest-float32.js";

/** Makes `rope_parameters`. */
export function ropeParameters(keys: ModelKeys): Readonly<Record<string, unknown>> {
  const rope_theta = shortestFloat32(keys.number("rope.freq_base") ?? 10_000);
  // As in llama.cpp: without a type, a factor is of linear scaling.
  const type = keys.string("rope.scaling.type") ?? "linear";
  const factor = keys.number("rope.scaling.factor") ?? keys.number("rope.scale_linear") ?? 1;
  const original = keys.count("rope.scaling.original_context_length");
  const attention = keys.number("rope.scaling.attn_factor");
  const extrapolation = keys.number("rope.scaling.yarn_ext_factor");
  const [fast, slow] = [keys.number("rope.scaling.yarn_beta_fast"), keys.number("rope.scaling.yarn_beta_slow")];
  return { rope_parameters: { rope_theta, ...scaling() } };

  function scaling(): Readonly<Record<string, unknown>> {
    const factors = keys.model.ropeFactors;
    if (factors) {
      // Llama 3's scaling. In this form, the same divisors are for contexts of any length.
      const whole = {
        factor: 1,
        attention_factor: 1,
        original_max_position_embeddings: keys.required("context_length"),
      };
      return { rope_type: "longrope", short_factor: factors, long_factor: factors, ...whole };
    }
    if (type === "none" || factor === 1 || factor === 0) return { rope_type: "default" };
    if (type === "linear") return { rope_type: "linear", factor };
    if (type === "yarn" && (extrapolation ?? 1) === 1 && (attention ?? 1) === 1)
      return {
        rope_type: "yarn",
        factor,
        original_max_position_embeddings: original,
        ...(fast !== undefined && { beta_fast: fast }),
        ...(slow !== undefined && { beta_slow: slow }),
      };
    throw new GgufUnsupportedError({
      where: `${keys.model.where}: ${keys.key("rope.scaling.type")}`,
      expected: "none, linear, or yarn with the usual factors",
      got: type === "yarn" ? `yarn with attn_factor ${attention} and yarn_ext_factor ${extrapolation}` : type,
    });
  }
}
