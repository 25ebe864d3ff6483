/** Advice for options that together leave no token to choose. */
import type { Fix } from "@mixtape/errors";
import type { ResolvedOptions } from "./generation-options.js";
import { GENERATION_OPTIONS } from "./schema.js";

type Name = keyof typeof GENERATION_OPTIONS & keyof ResolvedOptions;

/** Options that can raise a logit beyond float32. */
export const RAISING: readonly Name[] = ["repetitionPenalty", "sequenceBias", "exponentialDecayLengthPenalty"];

/** Options that can rule out every token. */
export const BANNING: readonly Name[] = [
  "suppressTokens",
  "beginSuppressTokens",
  "badWordsIds",
  "noRepeatNgramSize",
  "sequenceBias",
  "logitsProcessors",
];

/** Advises to change those of the options that are set, in the call or by the file of the model. */
export function blameOptions(names: readonly Name[], options: ResolvedOptions): Fix {
  const blamed = names.filter((name) => String(options[name]) !== String(GENERATION_OPTIONS[name].default));
  const keys = blamed.flatMap((name) => GENERATION_OPTIONS[name].key ?? []);
  return [
    ...blamed.map((option) => ({ option, text: (own: string) => `change ${own}` })),
    ...(keys.length > 0
      ? [{ option: "ignore", value: keys, text: (own: string) => `pass ${own} if generation_config.json sets it` }]
      : []),
  ];
}
