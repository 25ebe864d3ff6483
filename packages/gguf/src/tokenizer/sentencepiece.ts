import { postProcessor } from "./post-processor.js";
import { specialToken } from "./special-tokens.js";
import type { Vocabulary } from "./vocabulary.js";

const SPACE = "▁";

/** Characters that are compared to find the parts of all tokens: a hundred times those of a large vocabulary. */
const MAX_WORK = 2 ** 29;

/**
 * Makes `tokenizer.json` of a SentencePiece BPE (`tokenizer.ggml.model` is `llama`): neighbours are merged into the token
 * with the highest score, and characters that are no token become bytes. As in llama.cpp, a space is put before each text,
 * also behind a special token.
 */
export function sentencePieceTokenizer(vocabulary: Vocabulary): Readonly<Record<string, unknown>> {
  const { metadata, tokens, added, ids } = vocabulary;
  const prefixes = metadata.boolean("tokenizer.ggml.add_space_prefix") ?? true;
  const unknown = specialToken(metadata, "unknown");
  const spaces = { type: "Replace", pattern: { String: " " }, content: SPACE };
  const prefix = { type: "Prepend", prepend: SPACE };
  return {
    version: "1.0",
    added_tokens: added,
    normalizer: prefixes ? { type: "Sequence", normalizers: [prefix, spaces] } : spaces,
    pre_tokenizer: null,
    post_processor: postProcessor(vocabulary, { addBos: true }),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefixes ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: unknown === undefined ? null : tokens[unknown],
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: ids,
      merges: mergesOf(vocabulary),
    },
  };
}

/**
 * Makes merges of scores: every two tokens whose texts together are a token, in the order of that token's score. Merging
 * in this order is what SentencePiece does.
 */
function mergesOf({ metadata, tokens, ids }: Vocabulary): [string, string][] {
  const key = "tokenizer.ggml.scores";
  const scores = metadata.numbers(key);
  if (!scores || scores.length < tokens.length)
    throw metadata.error(key, `${tokens.length} scores, one for each token`, `${scores?.length ?? "none"}`);
  const work = tokens.reduce((sum, { length }) => sum + length ** 2, 0);
  if (work > MAX_WORK)
    throw metadata.error("tokenizer.ggml.tokens", "tokens whose squared lengths sum to 2^29 at most", `${work}`);
  const merges = tokens.flatMap((token, id) => {
    const parts: { readonly pair: [string, string]; readonly score: number }[] = [];
    for (let at = 1; at < token.length; at++) {
      const [left, right] = [token.slice(0, at), token.slice(at)];
      if (ids.has(left) && ids.has(right)) parts.push({ pair: [left, right], score: scores[id]! });
    }
    return parts;
  });
  return merges.sort((a, b) => b.score - a.score).map(({ pair }) => pair);
}
