/** Resolves a folder's files as transformers' AutoTokenizer does: the stages to run, and the named tokens. */

import { type AddedToken, addedToken } from "../added-tokens/added-token.js";
import type { JsonObject } from "../fields.js";
import { Pipeline, readAddedTokens } from "../pipeline.js";
import type { PostProcessor } from "../post-processors/post-processor.js";
import { between } from "../post-processors/read-post-processor.js";
import { mistralRegex } from "./mistral-regex.js";
import { DEFAULT_TOKENS, type NamedTexts, rebuild } from "./rebuild.js";
import { gatherSpecialTokens, type SpecialTokens, type TokenFiles } from "./special-tokens.js";
import { tokenizerClass } from "./tokenizer-class.js";

/** All files of a tokenizer, and the model's `config.json`, which influences the class. */
export interface AllFiles extends TokenFiles {
  readonly modelConfig?: JsonObject | undefined;
}

export interface ResolvedTokenizer {
  readonly pipeline: Pipeline;
  /** Texts of the named special tokens: `bos_token` to `<s>`. */
  readonly named: NamedTexts;
  /** Whether texts of special tokens are plain text. */
  readonly splitSpecialTokens: boolean;
  /** Whether spaces before punctuation are removed from decoded text. */
  readonly cleanUp: boolean;
  /** Warnings for the owner of the files. */
  readonly warnings: readonly string[];
}

/** @throws {TokenizerError} for an invalid file, or an unknown stage or class */
export function resolveTokenizer(files: AllFiles): ResolvedTokenizer {
  const { where, config, tokenizer: json, modelConfig } = files;
  const at = `${where}: tokenizer.json`;
  const name = tokenizerClass(config, modelConfig ?? {}, `${where}: tokenizer_config.json`);
  const own = name === "TokenizersBackend";
  const special = gatherSpecialTokens(files, {
    // The other classes ignore it unless they have no stages of their own.
    ...(own || name === "LlamaTokenizer" ? paddingDefault(json) : {}),
    ...(own ? {} : DEFAULT_TOKENS[name]),
  });
  const named = new Map([...special.named].map(([key, token]) => [key, textOf(token)]));
  const stages = own ? json : rebuild(name, json, config, named);
  const pipeline = new Pipeline(stages, at, own ? lastOfEach(readAddedTokens(json, at)) : []);
  addMissing(pipeline, special);
  // As in the reference, this class resets all options of its special tokens.
  if (name === "Qwen2Tokenizer") {
    const texts = new Set([...named.values(), ...special.extra.map(textOf)]);
    pipeline.added.add([...texts].map((text) => addedToken(text, { special: true })));
  }
  // This one resets those that are given as texts.
  if (name === "CohereTokenizer") {
    const tokens = [...special.named.values(), ...special.extra];
    pipeline.added.add(
      tokens.map((t) => (typeof t === "string" ? addedToken(t, { special: true }) : { ...t, special: true })),
    );
  }
  if (name === "BertTokenizer") pipeline.usePostProcessor(surround(pipeline, named));
  const regex = mistralRegex({ config, modelConfig, preTokenizer: stages.pre_tokenizer, size: pipeline.size });
  if (regex !== undefined && regex !== "wrong") pipeline.usePreTokenizer(regex, `${at}: pre_tokenizer`);
  return {
    pipeline,
    named,
    warnings: regex === "wrong" ? [WRONG_REGEX(where)] : [],
    splitSpecialTokens: config.split_special_tokens === true,
    cleanUp: config.clean_up_tokenization_spaces === true && (!isBpe(stages) || config[CLEAN_UP_BPE] === true),
  };
}

const WRONG_REGEX = (where: string) =>
  `${where}: the regular expression in tokenizer.json is not the one that Mistral's models were trained with, which makes other ` +
  'tokens of some texts. As in transformers, "fix_mistral_regex": true in tokenizer_config.json puts that in its place, and false keeps this one';

const CLEAN_UP_BPE = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output";

/** Returns the padding token of `padding` in `tokenizer.json`, used if no other file names one. */
function paddingDefault({ padding }: JsonObject): Record<string, string> {
  const token =
    typeof padding === "object" && padding !== null && "pad_token" in padding ? padding.pad_token : undefined;
  return typeof token === "string" ? { pad_token: token } : {};
}

/** Keeps the last of tokens with the same text, at the position of the first: the reference copies what it has read. */
function lastOfEach(tokens: readonly AddedToken[]): AddedToken[] {
  return [...new Map(tokens.map((token) => [token.content, token])).values()];
}

/** Adds tokens of the files that the tokenizer does not have in the same form. Named tokens are special. */
function addMissing(pipeline: Pipeline, { named, extra, listed }: SpecialTokens): void {
  const names = new Set([...named.values()].map(textOf));
  const withFlag = (token: AddedToken): AddedToken => (names.has(token.content) ? { ...token, special: true } : token);
  const known = new Set([...pipeline.added.entries().map(([, token]) => token.content), ...listed.map(textOf)]);
  const more = [...named.values(), ...extra].filter((token) => !known.has(textOf(token)));
  const added = more.map((token) =>
    typeof token === "string" ? addedToken(token, { special: true }) : withFlag(token),
  );
  // Of listed tokens with the same text the last is used, even if the tokenizer already has an earlier form.
  pipeline.added.add([...listed.map(withFlag), ...added]);
}

/** `[CLS] text [SEP]`, with the class's default ids if the config removes the tokens. */
function surround(pipeline: Pipeline, named: NamedTexts): PostProcessor {
  const around = (key: string, absent: number): [string, number] => {
    const token = named.get(key);
    return [token ?? "None", (token === undefined ? undefined : pipeline.idOf(token)) ?? absent];
  };
  return between(around("cls_token", 2), around("sep_token", 3), false);
}

function textOf(token: AddedToken | string): string {
  return typeof token === "string" ? token : token.content;
}

function isBpe({ model }: JsonObject): boolean {
  return typeof model === "object" && model !== null && "type" in model && model.type === "BPE";
}
