import { byteLevelSplits } from "./byte-level-splits.js";
import { postProcessor } from "./post-processor.js";
import type { Vocabulary } from "./vocabulary.js";

const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };

/**
 * Makes `tokenizer.json` of a byte-level BPE (`tokenizer.ggml.model` is `gpt2`). As in llama.cpp, the text is not
 * normalised.
 * @param onWarning called if the file does not say how texts are split
 */
export function byteLevelTokenizer(
  vocabulary: Vocabulary,
  onWarning: (message: string) => void,
): Readonly<Record<string, unknown>> {
  const { metadata, added, ids } = vocabulary;
  const merges = metadata.strings("tokenizer.ggml.merges");
  if (!merges) throw metadata.error("tokenizer.ggml.merges", "the merges of the vocabulary", "none");
  const pre = metadata.string("tokenizer.ggml.pre");
  if (pre === undefined)
    onWarning(
      `${metadata.where}: tokenizer.ggml.pre is missing, so it is unknown how its tokenizer splits texts. As in llama.cpp, they are split in a ` +
        "default way, which is probably wrong: convert the model again, or load the tokenizer from its Hugging Face checkpoint",
    );
  const { patterns, ignoreMerges = false, addBos = false } = byteLevelSplits(pre ?? "default", metadata.where);
  const splits = patterns.map((pattern) => ({
    type: "Split",
    pattern: { Regex: pattern },
    behavior: "Isolated",
    invert: false,
  }));
  return {
    version: "1.0",
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [...splits, BYTE_LEVEL] },
    post_processor: postProcessor(vocabulary, { addBos }) ?? BYTE_LEVEL,
    decoder: { ...BYTE_LEVEL, add_prefix_space: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      vocab: ids,
      merges: merges.map(pairOf),
    },
  };
}

/** Splits a merge at its space; a token may begin with one. */
function pairOf(merge: string): [string, string] {
  const at = merge.indexOf(" ", 1);
  return at < 0 ? [merge, ""] : [merge.slice(0, at), merge.slice(at + 1)];
}
