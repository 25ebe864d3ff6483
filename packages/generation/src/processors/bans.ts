/** Processors that rule tokens out by the tokens before, or force one. */
import { ban, type LogitsProcessor } from "./logits-processor.js";

/** Rules out tokens that would complete an n-gram of the prompt or the text a second time. */
export function noRepeatNgramProcessor(size: number): LogitsProcessor {
  return {
    name: "noRepeatNgramSize",
    process(logits, { ids }) {
      if (ids.length < size) return;
      const begin = ids.length + 1 - size;
      for (let i = 0; i + size <= ids.length; i++) {
        let same = true;
        for (let k = 0; same && k < size - 1; k++) same = ids[i + k] === ids[begin + k];
        if (same) ban(logits, [ids[i + size - 1]!]);
      }
    },
  };
}

/** Rules out end tokens while prompt and text together have fewer than `length` tokens. */
export function minLengthProcessor(length: number, eosTokenIds: ReadonlySet<number>): LogitsProcessor {
  return {
    name: "minLength",
    process(logits, { ids }) {
      if (ids.length < length) ban(logits, eosTokenIds);
    },
  };
}

/** Rules out end tokens while there are fewer than `count` new tokens. */
export function minNewTokensProcessor(count: number, eosTokenIds: ReadonlySet<number>): LogitsProcessor {
  return {
    name: "minNewTokens",
    process(logits, { ids, promptLength }) {
      if (ids.length < promptLength + count) ban(logits, eosTokenIds);
    },
  };
}

/** Rules out tokens at every step. */
export function suppressTokensProcessor(tokens: readonly number[]): LogitsProcessor {
  return { name: "suppressTokens", process: (logits) => ban(logits, tokens) };
}

/**
 * Rules out tokens at the first step.
 * @param afterForced whether a prompt of one token is followed by a forced one: then the second step counts for it
 */
export function beginSuppressTokensProcessor(tokens: readonly number[], afterForced = false): LogitsProcessor {
  return {
    name: "beginSuppressTokens",
    process(logits, { ids, promptLength }) {
      const begin = afterForced && promptLength <= 1 ? promptLength + 1 : promptLength;
      if (ids.length === begin) ban(logits, tokens);
    },
  };
}

/** Leaves one token alone after a prompt of one token. */
export function forcedBosTokenProcessor(token: number): LogitsProcessor {
  return {
    name: "forcedBosTokenId",
    process(logits, { ids }) {
      if (ids.length === 1) force(logits, [token]);
    },
  };
}

/** Leaves the given tokens alone, all equally likely, where the row reaches its maximum length. */
export function forcedEosTokenProcessor(
  tokens: readonly number[],
  limits: { readonly maxNewTokens: number; readonly maxLength: number },
): LogitsProcessor {
  return {
    name: "forcedEosTokenId",
    process(logits, { ids, promptLength }) {
      const maxLength = Math.min(promptLength + limits.maxNewTokens, limits.maxLength);
      if (ids.length === maxLength - 1) force(logits, tokens);
    },
  };
}

function force(logits: Float32Array, tokens: readonly number[]): void {
  logits.fill(-Infinity);
  for (const id of tokens) logits[id] = 0;
}
