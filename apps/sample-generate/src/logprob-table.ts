/** Formats log-probabilities for people and scripts. */

import { colors, safeName, table } from "@mixtape/command-line";
import { type TokenLogprobs, tokenTexts } from "@mixtape/generation";
import type { Tokenizer } from "@mixtape/tokenizer";

/** A token with its log-probability. */
interface ShownLogprob {
  readonly id: number;
  /** Text that the token adds; null for a folder without tokenizer. */
  readonly token: string | null;
  /** Natural logarithm of its probability; null for −∞, which JSON does not have. */
  readonly logprob: number | null;
}

/** A new token, and the most likely ones. */
export interface ShownLogprobs extends ShownLogprob {
  readonly top: readonly ShownLogprob[];
}

/** Adds the texts of tokens to their log-probabilities. */
export function shownLogprobs(logprobs: readonly TokenLogprobs[], tokenizer: Tokenizer | null): ShownLogprobs[] {
  const textOf = tokenizer ? tokenTexts(tokenizer) : () => null;
  const shown = ({ id, logprob }: { readonly id: number; readonly logprob: number }): ShownLogprob => ({
    id,
    token: textOf(id),
    logprob: Number.isFinite(logprob) ? logprob : null,
  });
  return logprobs.map(({ top, ...chosen }) => ({ ...shown(chosen), top: top.map(shown) }));
}

/** Adds the texts of tokens to the log-probabilities of a prompt, of which the first token has none. */
export function shownPrompt(
  logprobs: readonly (TokenLogprobs | null)[],
  tokenizer: Tokenizer | null,
): (ShownLogprobs | null)[] {
  return logprobs.map((one) => one && shownLogprobs([one], tokenizer)[0]!);
}

/** Formats a line for each token: the token, its log-probability, and the likeliest tokens with their probabilities. */
export function logprobTable(logprobs: readonly ShownLogprobs[]): string {
  const nameOf = ({ id, token }: ShownLogprob): string => (token === null ? `${id}` : safeName(JSON.stringify(token)));
  const rows = logprobs.map((one) => {
    const likeliest = one.top.map((other) => `${nameOf(other)} ${probability(other)}`);
    const own = `${(one.logprob ?? -Infinity).toFixed(3).padStart(8)}  ${probability(one).padStart(7)}`;
    return [nameOf(one), [own, ...likeliest].join("  ")] as const;
  });
  return table(rows, colors.dim);
}

function probability({ logprob }: ShownLogprob): string {
  return `${(100 * Math.exp(logprob ?? -Infinity)).toFixed(1)} %`;
}
