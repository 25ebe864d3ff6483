import { shortestFloat32 } from "./architectures/shortest-float32.js";
import type { Metadata } from "./header/metadata.js";
import { endTokens, specialToken } from "./tokenizer/special-tokens.js";

/** Sampling defaults that a file may have, and their names in `generation_config.json`. */
const SAMPLING = {
  temperature: "general.sampling.temp",
  top_k: "general.sampling.top_k",
  top_p: "general.sampling.top_p",
  min_p: "general.sampling.min_p",
  repetition_penalty: "general.sampling.penalty_repeat",
} as const;

/** Makes `generation_config.json`: the tokens that end a text, and the sampling defaults. */
export function generationConfig(metadata: Metadata): Readonly<Record<string, unknown>> {
  const sampling = Object.entries(SAMPLING).flatMap(([name, key]) => {
    const value = metadata.number(key);
    return value === undefined ? [] : [[name, shortestFloat32(value)] as const];
  });
  const ends = endTokens(metadata);
  const ids = { bos_token_id: specialToken(metadata, "bos"), pad_token_id: specialToken(metadata, "padding") };
  return {
    ...Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== undefined)),
    ...(ends.length > 0 && { eos_token_id: ends.length > 1 ? ends : ends[0] }),
    ...(sampling.length > 0 && { do_sample: true }),
    ...Object.fromEntries(sampling),
  };
}
