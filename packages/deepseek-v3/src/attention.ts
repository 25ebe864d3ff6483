import { yarnMscale } from "@mixtape/config";
import { LatentAttention } from "@mixtape/layers";
import type { DeepseekV3Config } from "./config.js";

/** Latent attention whose scores are scaled up if YaRN stretches the context. */
export class DeepseekV3Attention<C extends DeepseekV3Config = DeepseekV3Config> extends LatentAttention<C> {
  protected override get scale(): number {
    const rope = this.config.ropeParameters;
    if (rope.ropeType !== "yarn" || !rope.mscaleAllDim) return super.scale;
    return super.scale * yarnMscale(rope.factor, rope.mscaleAllDim) ** 2;
  }
}
