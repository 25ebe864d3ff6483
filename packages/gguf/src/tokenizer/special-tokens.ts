import type { Metadata } from "../header/metadata.js";

/** Named special tokens: `tokenizer.ggml.bos_token_id` and so on. */
export type SpecialTokenName =
  | "bos"
  | "eos"
  | "eot"
  | "eom"
  | "unknown"
  | "padding"
  | "fim_pad"
  | "fim_rep"
  | "fim_sep";

/** Ids that llama.cpp takes where the metadata of a SentencePiece tokenizer name none. */
const SENTENCEPIECE_IDS: Readonly<Partial<Record<SpecialTokenName, number>>> = { bos: 1, eos: 2, unknown: 0 };

/** Returns the id of a special token; undefined if there is none. As in llama.cpp, an id of no token is ignored. */
export function specialToken(metadata: Metadata, name: SpecialTokenName): number | undefined {
  const size = metadata.strings("tokenizer.ggml.tokens")?.length ?? 0;
  const isSentencePiece = metadata.string("tokenizer.ggml.model") === "llama";
  // Negative ids stand for none; they are read as they are, since such a value is not an error.
  const given = metadata.number(`tokenizer.ggml.${name}_token_id`);
  const id = given ?? (isSentencePiece ? SENTENCEPIECE_IDS[name] : undefined);
  return id !== undefined && id >= 0 && id < size ? id : undefined;
}

/** Texts of tokens that end a text or a turn, whatever the metadata say: as in llama.cpp, `special_eog_ids`. */
const ENDS: ReadonlySet<string> = new Set([
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<|eom_id|>",
  "<EOT>",
  "_<EOT>",
  "[EOT]",
  "[EOS]",
  "<|end_of_text|>",
  "<end_of_utterance>",
  "<｜end▁of▁sentence｜>",
]);

/** Returns the ids of the tokens that end a text, the end-of-text token first. */
export function endTokens(metadata: Metadata): number[] {
  const named = (["eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep"] as const).map((name) =>
    specialToken(metadata, name),
  );
  const tokens = metadata.strings("tokenizer.ggml.tokens") ?? [];
  const ids = new Set(named.filter((id) => id !== undefined));
  tokens.forEach((token, id) => {
    if (ENDS.has(token)) ids.add(id);
  });
  return [...ids];
}
