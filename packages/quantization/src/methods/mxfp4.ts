import { type Dtype, quantizedView, type TensorSource } from "@mixtape/safetensors";
import { tiled } from "../formats/tiled.js";
import { TransposedView } from "../transposed-view.js";
import { companion, modulesWith, payload, refuseExcluded } from "./find-tensors.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { pathPatterns } from "./module-patterns.js";
import { viewWithDtype } from "./recast-view.js";

/**
 * MXFP4 of GPT-OSS: stacks of experts in `X_blocks` and `X_scales`. `X` itself has the input dimension first, as in checkpoints in
 * bfloat16.
 * Reference: transformers, `integrations/mxfp4.py`, `convert_moe_packed_tensors`.
 */
export const mxfp4Method: QuantizationMethod = {
  names: ["mxfp4"],
  stores: "X_blocks",
  *find(tensors, config, savedAs) {
    const isExcluded = pathPatterns(config.texts("modules_to_not_convert"));
    for (const weight of modulesWith(tensors, "_blocks")) {
      if (isExcluded(weight)) refuseExcluded(`${weight}_blocks`, `${config.where}.modules_to_not_convert`);
      yield weightOf(tensors, weight, savedAs);
    }
  },
};

/** Values that share an exponent. */
const GROUP = 32;

function weightOf(tensors: TensorSource, name: string, savedAs: Dtype): QuantizedWeight {
  const axes = ["experts", "out", `in / ${GROUP}`, GROUP / 2];
  const blocks = payload(tensors, `${name}_blocks`, { dtypes: ["U8"], axes });
  const [experts, rows, groups] = blocks.shape as [number, number, number, number];
  const scale = companion(tensors, `${name}_scales`, { dtypes: ["U8", "F8_E8M0"], shapes: [[experts, rows, groups]] });
  const shape = [experts, rows, groups * GROUP];
  const stored = quantizedView({
    name,
    shape,
    savedAs,
    format: tiled({ name: "mxfp4", tile: [1, GROUP] }),
    planes: { weight: viewWithDtype(blocks, "F4", shape), scale },
  });
  return { view: new TransposedView(stored), tensors: [`${name}_blocks`, `${name}_scales`] };
}
