/**
 * The options of generation that a `generation_config.json` may set: one entry each. The reading of the file, the checks of a
 * call, the flags of the command line and the table in the docs all come from these entries; `@mixtape/generation` adds the
 * options that only a call has.
 */
import * as z from "zod";
import { bool, int, listOf, number, tokenId } from "./fields.js";

/** One option of generation. */
export interface GenerationField<T = unknown> {
  /** Schema of the value in a call. Its messages say what is expected, as noun phrases. */
  readonly schema: z.ZodType<T>;
  /** Schema of the value in `generation_config.json`, if transformers accepts more values there than a call does. */
  readonly fileSchema?: z.ZodType;
  /** Key in `generation_config.json`; null for an option that only a call has. */
  readonly key: string | null;
  /** Default value; null for none. */
  readonly default: T | null;
  /** Default in words, if it follows from something else. */
  readonly defaultText?: string;
  /** Effect of the option, in the imperative: for the table in the docs and for `--help`. */
  readonly about: string;
  /** Only counts if tokens are sampled. */
  readonly samplingOnly?: true;
  /** Needs a tokenizer. */
  readonly textOnly?: true;
  /** Holds token ids that the model's vocabulary must have. */
  readonly inVocabulary?: true;
  /** Flag of `sample-generate generate`, such as `--top-k <k>`. */
  readonly flag?: string;
}

/** A token id that the vocabulary need not have: transformers accepts -1, and ids that no token has. */
const anyTokenId = () => z.int({ error: "a token id" });
const anyTokenIds = () => listOf(anyTokenId(), "token ids");
const sequence = () =>
  listOf(tokenId(), "token ids").refine((ids) => ids.length > 0, { error: "a sequence of at least one token id" });
const oneOrMore = (id: () => z.ZodType<number>) =>
  z.union([id(), listOf(id(), "token ids")], { error: "a token id, a list of token ids, or null for none" });
const someText = () => {
  const error = "a string of at least one character";
  return z.string({ error }).min(1, { error });
};
const oneOrMoreTexts = () =>
  z.union([someText(), listOf(someText(), "strings")], {
    error: "a string of at least one character, or a list of these",
  });
const decay = () =>
  z
    .tuple([z.int({ error: "an integer" }), number({ above: 0 })], {
      error: "[start, factor]: an integer and a number above 0",
    })
    .readonly();
/** Values that transformers does not apply become no-ops. */
const cutoffInFile = () => number().transform((cutoff) => (cutoff > 0 && cutoff < 1 ? cutoff : 0));

/** The options of a call that `generation_config.json` may set, in the order of the docs. */
export const generationFields = {
  maxNewTokens: {
    schema: int(),
    key: "max_new_tokens",
    default: 20,
    defaultText: "20, or what `max_length` of the model leaves",
    about: "limit the number of new tokens",
    flag: "--max-new-tokens <n>",
  },
  minNewTokens: {
    schema: int({ min: 0 }),
    key: "min_new_tokens",
    default: 0,
    about: "allow no end token before this many new tokens",
    flag: "--min-new-tokens <n>",
  },
  minLength: {
    schema: int({ min: 0 }),
    key: "min_length",
    default: 0,
    about: "allow no end token before prompt and text together have this many tokens",
    flag: "--min-length <n>",
  },
  doSample: {
    schema: bool(),
    key: "do_sample",
    default: false,
    defaultText: "true if the call gives a `temperature` above 0",
    about: "sample tokens by their probability; otherwise the likeliest is taken",
  },
  temperature: {
    schema: number({ min: 0 }),
    key: "temperature",
    default: 1,
    about: "divide the logits before sampling; 0 means greedy",
    samplingOnly: true,
    flag: "--temperature <t>",
  },
  topH: {
    schema: number({ above: 0, max: 1 }),
    key: "top_h",
    default: null,
    about: "sample among the likeliest tokens whose entropy is within this share of the whole entropy",
    samplingOnly: true,
    flag: "--top-h <h>",
  },
  topK: {
    schema: int({ min: 0 }),
    key: "top_k",
    default: 50,
    about: "sample among the k likeliest tokens; 0 keeps all",
    samplingOnly: true,
    flag: "--top-k <k>",
  },
  topP: {
    schema: number({ min: 0, max: 1 }),
    fileSchema: number({ min: 0 }).transform((p) => Math.min(p, 1)),
    key: "top_p",
    default: 1,
    about: "sample among the likeliest tokens that together reach this probability; 0 keeps the likeliest alone",
    samplingOnly: true,
    flag: "--top-p <p>",
  },
  minP: {
    schema: number({ min: 0, max: 1 }),
    key: "min_p",
    default: 0,
    about: "drop tokens less likely than this share of the likeliest token's probability",
    samplingOnly: true,
    flag: "--min-p <m>",
  },
  typicalP: {
    schema: number({ above: 0, max: 1 }),
    fileSchema: number({ above: 0 }).transform((p) => Math.min(p, 1)),
    key: "typical_p",
    default: 1,
    about: "sample among the most typical tokens that together reach this probability",
    samplingOnly: true,
    flag: "--typical-p <p>",
  },
  epsilonCutoff: {
    schema: number({ min: 0, below: 1 }),
    fileSchema: cutoffInFile(),
    key: "epsilon_cutoff",
    default: 0,
    about: "drop tokens less likely than this probability",
    samplingOnly: true,
    flag: "--epsilon-cutoff <e>",
  },
  etaCutoff: {
    schema: number({ min: 0, below: 1 }),
    fileSchema: cutoffInFile(),
    key: "eta_cutoff",
    default: 0,
    about: "drop tokens less likely than a cutoff that shrinks as the entropy grows",
    samplingOnly: true,
    flag: "--eta-cutoff <e>",
  },
  sequenceBias: {
    schema: listOf(
      z.tuple([sequence(), number()], { error: "a pair of a list of token ids and a number" }).readonly(),
      "pairs, each a list of token ids and a number",
    ),
    key: "sequence_bias",
    default: [],
    about: "add a bias to the last token of each sequence once the tokens before it have come",
  },
  repetitionPenalty: {
    schema: number({ above: 0 }),
    key: "repetition_penalty",
    default: 1,
    about: "divide the logits of tokens that have occurred, or multiply negative ones: above 1 makes them less likely",
    flag: "--repetition-penalty <r>",
  },
  noRepeatNgramSize: {
    schema: int({ min: 0 }),
    fileSchema: z.int({ error: "an integer" }).transform((size) => Math.max(size, 0)),
    key: "no_repeat_ngram_size",
    default: 0,
    about: "let n-grams of this many tokens occur only once in prompt and text; 0 for no such rule",
    flag: "--no-repeat-ngram-size <n>",
  },
  badWordsIds: {
    schema: listOf(sequence(), "lists of token ids"),
    key: "bad_words_ids",
    default: [],
    about: "never complete any of these sequences of token ids",
  },
  forcedBosTokenId: {
    schema: tokenId(),
    key: "forced_bos_token_id",
    default: null,
    about: "force the first new token after a prompt of one token",
    inVocabulary: true,
  },
  forcedEosTokenId: {
    schema: oneOrMore(tokenId),
    key: "forced_eos_token_id",
    default: null,
    about: "force the token at the maximum length",
    inVocabulary: true,
  },
  exponentialDecayLengthPenalty: {
    schema: decay(),
    key: "exponential_decay_length_penalty",
    default: null,
    about: "make end tokens likelier after `start` new tokens, by powers of `factor`",
  },
  suppressTokens: {
    schema: anyTokenIds(),
    key: "suppress_tokens",
    default: [],
    about: "never choose these tokens",
    flag: "--suppress-tokens <ids>",
  },
  beginSuppressTokens: {
    schema: anyTokenIds(),
    key: "begin_suppress_tokens",
    default: [],
    about: "do not choose these tokens first",
  },
  stop: {
    schema: oneOrMoreTexts(),
    fileSchema: oneOrMoreTexts().transform((stop): readonly string[] => (typeof stop === "string" ? [stop] : stop)),
    key: "stop_strings",
    default: [],
    about: "end the text at any of these strings, which are not part of it",
    textOnly: true,
    flag: "--stop <text...>",
  },
  eosTokenId: {
    schema: oneOrMore(anyTokenId),
    key: "eos_token_id",
    default: null,
    defaultText: "the model's",
    about: "end the text at any of these tokens; null for none",
  },
  padTokenId: {
    schema: z.int({ error: "a token id" }).min(0, { error: "a token id" }),
    fileSchema: anyTokenId(),
    key: "pad_token_id",
    default: 0,
    defaultText: "the model's, else the first end token, else 0",
    about: "pad shorter rows of a batch with this token, which is masked",
    inVocabulary: true,
  },
} satisfies Readonly<Record<string, GenerationField>>;
