/** Processors that rule tokens out by what has come before, or force one. */
import { ban, type LogitsProcessor } from "./logits-processor.js";

/** Rules out tokens that would complete an n-gram of the prompt or the text a second time. */
export function noRepeatNgramProcessor(size: number): LogitsProcessor {
  return (logits, ids) => {
    if (ids.length < size) return;
    const begin = ids.length + 1 - size;
    for (let i = 0; i + size <= ids.length; i++) {
      let same = true;
      for (let k = 0; same && k < size - 1; k++) same = ids[i + k] === ids[begin + k];
      if (same) ban(logits, [ids[i + size - 1]!]);
    }
  };
}

/** Rules out end tokens while prompt and text together are shorter than a number of tokens. */
export function minLengthProcessor(length: number, eosTokenIds: ReadonlySet<number>): LogitsProcessor {
  return (logits, ids) => {
    if (ids.length < length) ban(logits, eosTokenIds);
  };
}

/** Rules out tokens everywhere. */
export function suppressTokensProcessor(tokens: readonly number[]): LogitsProcessor {
  return (logits) => ban(logits, tokens);
}

/** Rules out tokens where prompt and text together have a length. */
export function suppressTokensAtProcessor(tokens: readonly number[], length: number): LogitsProcessor {
  return (logits, ids) => {
    if (ids.length === length) ban(logits, tokens);
  };
}

/** Leaves only the given tokens, all equally likely, where prompt and text together have a length. */
export function forcedTokensProcessor(tokens: readonly number[], length: number): LogitsProcessor {
  return (logits, ids) => {
    if (ids.length !== length) return;
    logits.fill(-Infinity);
    for (const id of tokens) logits[id] = 0;
  };
}
