import type { CalibrationBatches } from "@mixtape/decoder";
import { OptionError } from "@mixtape/errors";
import type { Tokenizer } from "@mixtape/tokenizer";

/** Tokens of a sequence, and sequences of a batch. */
const LENGTH = 512;
const ROWS = 4;

/** Maximum tokens by default. */
const TOKENS = 32_768;

/**
 * Cuts a text into sequences of 512 tokens, in batches of 4.
 * @param tokens maximum number of them
 * @throws {OptionError} for a text that is shorter than one sequence, or fewer tokens
 */
export function calibrationBatches(text: string, tokenizer: Tokenizer, tokens: number = TOKENS): CalibrationBatches {
  if (tokens < LENGTH) throw tooShort("calibrationTokens", `${tokens}`);
  const ids = tokenizer.encode(text, { addSpecialTokens: false }).slice(0, tokens);
  const rows = Array.from({ length: Math.floor(ids.length / LENGTH) }, (_, i) =>
    ids.slice(i * LENGTH, (i + 1) * LENGTH),
  );
  if (rows.length === 0) throw tooShort("calibration", `${ids.length}`);
  return Array.from({ length: Math.ceil(rows.length / ROWS) }, (_, i) => rows.slice(i * ROWS, (i + 1) * ROWS));
}

function tooShort(option: string, got: string): OptionError {
  return new OptionError({ where: `quantizeModel: ${option}`, expected: `at least ${LENGTH} tokens`, got });
}
