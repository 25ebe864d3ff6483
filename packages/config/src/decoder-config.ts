import type { ConfigDefinition } from "./config-definition.js";
import type { ConfigInput } from "./config-input.js";
import { checkHeads, checkLabels, checkLayers, checkTokens } from "./decoder-checks.js";
import { type DecoderConfig, decoderFields } from "./decoder-fields.js";
import { defineConfig } from "./define-config.js";
import { checkRope } from "./rope/check-rope.js";

/**
 * Config shared by all decoder-only families; by itself a plain dense decoder. Each layer has a gated MLP and
 * attention, which is full in every layer or, with a `slidingWindow`, sliding in every layer.
 */
export const decoderConfig: ConfigDefinition<DecoderConfig, ConfigInput<DecoderConfig>> = defineConfig({
  modelType: "decoder",
  extends: decoderFields,
  check: (c, report) => {
    for (const check of [checkHeads, checkRope, checkLayers, checkTokens, checkLabels]) check(c, report);
  },
});
