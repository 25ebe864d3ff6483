import { checkOptions, checkOptionTypes } from "@mixtape/errors";
import type { ChatMessage } from "./chat-message.js";
import {
  CHAT_TEMPLATE_OPTIONS,
  type ChatTemplateOptions,
  ChatTemplates,
  RENDER_CHAT_OPTIONS,
  type RenderChatOptions,
  type RenderedChat,
} from "./chat-template.js";
import { cleanUp as cleanUpText, TEXT_CLEANUP } from "./decoders/words.js";
import { describe, isId } from "./fields.js";
import { byteOf } from "./models/byte-tokens.js";
import type { Pipeline } from "./pipeline.js";
import type { Offsets } from "./post-processors/post-processor.js";
import { type IdKind, StreamDecoder } from "./stream-decoder.js";
import { TokenizerError } from "./tokenizer-error.js";
import { asObject, readFiles, readFolder, type TokenizerFiles, type TokenizerSource } from "./tokenizer-files.js";
import { resolveTokenizer } from "./transformers/resolve-tokenizer.js";

/** Options for reading a tokenizer. */
export interface TokenizerOptions {
  /**
   * Called with a warning, as a sentence, about files that load but need attention. Default: prints it on the console.
   */
  readonly onWarning?: (message: string) => void;
}

/** Options for reading a tokenizer from parsed files. */
export interface ParsedTokenizerOptions extends TokenizerOptions {
  /** Name for errors. Default: `tokenizer`. */
  readonly name?: string;
}

/** Options for encoding. */
export interface EncodeOptions {
  /** Adds the post-processor's special tokens, such as a begin-of-text token. Default: `true`. */
  readonly addSpecialTokens?: boolean;
}

/** Ids, and the origin of each token in the text. */
export interface EncodingWithOffsets {
  readonly ids: number[];
  /**
   * Part of the text `[start, end)` of each token, in UTF-16 units. `[0, 0]` for tokens added by the post-processor.
   */
  readonly offsets: (readonly [start: number, end: number])[];
}

/** Options for decoding. */
export interface DecodeOptions {
  /** Omits special tokens from the text. Default: `false`. */
  readonly skipSpecialTokens?: boolean;
}

const warnOnConsole = (message: string): void => console.warn(message);

function checkTokenizerOptions(where: string, options: TokenizerOptions): void {
  checkOptions(where, options, { onWarning: true });
  checkOptionTypes(where, options, { onWarning: "function" });
}

/** Encodes text to token ids and decodes them, using the tokenizer files of a Hugging Face checkpoint. */
export class Tokenizer {
  /** The highest id, added tokens included, plus one. A model's embedding needs at least as many rows. */
  readonly vocabSize: number;
  /** Begin-of-text token of the config; `null` if there is none. */
  readonly bosToken: string | null;
  /** Id of {@link bosToken}; `null` if there is none. */
  readonly bosTokenId: number | null;
  /** End-of-text token of the config; `null` if there is none. */
  readonly eosToken: string | null;
  /** Id of {@link eosToken}; `null` if there is none. */
  readonly eosTokenId: number | null;
  /** Padding token of the config; `null` if there is none. */
  readonly padToken: string | null;
  /** Id of {@link padToken}; `null` if there is none. */
  readonly padTokenId: number | null;
  /** Token for text that the vocabulary does not have; `null` if the config names none. */
  readonly unkToken: string | null;
  /** Id of {@link unkToken}; `null` if there is none. */
  readonly unkTokenId: number | null;

  readonly #pipeline: Pipeline;
  readonly #templates: ChatTemplates;
  /** Named special tokens, by their names in chat templates: `bos_token` to `<s>`. */
  readonly #specials: Readonly<Record<string, string>>;
  /**
   * Whether decoding removes spaces before punctuation, as the config asks. Only for WordPiece and Unigram: as in
   * transformers 5, the text of a BPE is not changed.
   */
  readonly #cleanUp: boolean;
  readonly #splitSpecialTokens: boolean;

  private constructor(source: TokenizerSource, options: TokenizerOptions) {
    if (typeof source !== "object" || source === null || !("tokenizer" in source)) {
      const expected = "Tokenizer.fromFolder, Tokenizer.fromFiles or Tokenizer.fromJSON to be called";
      throw new TokenizerError({ where: "Tokenizer", expected, got: "new Tokenizer" });
    }
    const { onWarning = warnOnConsole } = options;
    const { pipeline, named, splitSpecialTokens, cleanUp, warnings } = resolveTokenizer(source);
    for (const warning of warnings) onWarning(warning);
    this.#pipeline = pipeline;
    this.#splitSpecialTokens = splitSpecialTokens;
    this.#cleanUp = cleanUp;
    this.#specials = Object.fromEntries(named);
    this.#templates = new ChatTemplates(source, this.#specials);
    this.vocabSize = this.#pipeline.maxId + 1;
    this.bosToken = this.#specials.bos_token ?? null;
    this.bosTokenId = this.#idOrNull(this.bosToken);
    this.eosToken = this.#specials.eos_token ?? null;
    this.eosTokenId = this.#idOrNull(this.eosToken);
    this.padToken = this.#specials.pad_token ?? null;
    this.padTokenId = this.#idOrNull(this.padToken);
    this.unkToken = this.#specials.unk_token ?? null;
    this.unkTokenId = this.#idOrNull(this.unkToken);
  }

  /**
   * Reads a checkpoint's folder: `tokenizer.json`, and if present {@link TOKENIZER_FILES} and {@link
   * CHAT_TEMPLATE_FOLDER}. Node only.
   *
   * @throws {OptionError} for an unknown option
   * @throws {TokenizerError} if the folder has no `tokenizer.json`, or a file is invalid
   */
  static async fromFolder(path: string | URL, options: TokenizerOptions = {}): Promise<Tokenizer> {
    checkTokenizerOptions("Tokenizer.fromFolder", options);
    return new Tokenizer(await readFolder(path), options);
  }

  /**
   * Reads a tokenizer from files in memory, by name.
   *
   * @throws {TokenizerError} if there is no `tokenizer.json` among them, or a file is invalid
   */
  static async fromFiles(files: TokenizerFiles, options: TokenizerOptions = {}): Promise<Tokenizer> {
    checkTokenizerOptions("Tokenizer.fromFiles", options);
    return new Tokenizer(await readFiles(files), options);
  }

  /**
   * Reads a tokenizer from the parsed contents of `tokenizer.json` and `tokenizer_config.json`.
   *
   * @throws {TokenizerError} if they do not describe a tokenizer
   */
  static fromJSON(
    tokenizerJson: object,
    tokenizerConfigJson: object = {},
    options: ParsedTokenizerOptions = {},
  ): Tokenizer {
    const { name = "tokenizer", ...others } = options;
    checkTokenizerOptions("Tokenizer.fromJSON", others);
    const source = {
      where: name,
      tokenizer: asObject(tokenizerJson, "tokenizer.json"),
      config: asObject(tokenizerConfigJson, "tokenizer_config.json"),
    };
    return new Tokenizer(source, others);
  }

  /**
   * Encodes text to ids. The texts of special tokens become those tokens.
   *
   * @throws {OptionError} for an unknown option
   * @throws {TokenizerError} for a character without a token, if the vocabulary has no unknown token
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    checkOptions("encode", options, { addSpecialTokens: true });
    return [...this.#encode(text, options, false).ids];
  }

  /**
   * Encodes text to ids, with the part of the text of each token.
   *
   * @throws {OptionError} for an unknown option
   * @throws {TokenizerError} for a character without a token, if the vocabulary has no unknown token
   */
  encodeWithOffsets(text: string, options: EncodeOptions = {}): EncodingWithOffsets {
    checkOptions("encodeWithOffsets", options, { addSpecialTokens: true });
    const { ids, offsets } = this.#encode(text, options, true);
    const { starts, ends } = offsets as Offsets;
    return { ids: [...ids], offsets: starts.map((start, i) => [start, ends[i] as number] as const) };
  }

  #encode(text: string, { addSpecialTokens = true }: EncodeOptions, offsets: boolean) {
    if (typeof text !== "string")
      throw new TokenizerError({ where: "encode", expected: "a text", got: describe(text) });
    return this.#pipeline.encode(text, { addSpecialTokens, splitSpecialTokens: this.#splitSpecialTokens, offsets });
  }

  /**
   * Decodes ids to text, like Python's `tokenizers`. An id without a token (models pad their vocabularies) has no text.
   * Bytes of a byte-level tokenizer that are not UTF-8 become U+FFFD, one for each maximal part; a run of byte tokens
   * (`<0xE4>`) that is not UTF-8 as a whole becomes U+FFFD for each byte.
   *
   * @throws {OptionError} for an unknown option
   * @throws {TokenizerError} for an id that is not a whole number from 0 to 2^32 - 1
   */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    checkOptions("decode", options, { skipSpecialTokens: true });
    return this.#decode(ids, options);
  }

  #decode(ids: Iterable<number>, { skipSpecialTokens = false }: DecodeOptions): string {
    if (typeof ids === "string" || typeof (ids as Partial<Iterable<number>> | null)?.[Symbol.iterator] !== "function")
      throw new TokenizerError({ where: "decode", expected: "a list of ids", got: describe(ids) });
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.#tokenOf(id, skipSpecialTokens);
      if (token !== undefined) tokens.push(token);
    }
    if (tokens.length === 0) return "";
    const text = this.#pipeline.decode(tokens);
    return this.#cleanUp ? cleanUpText(text, TEXT_CLEANUP) : text;
  }

  /**
   * Creates a decoder that takes one id at a time, for showing text as it is generated.
   *
   * @throws {OptionError} for an unknown option
   */
  stream(options: DecodeOptions = {}): StreamDecoder {
    checkOptions("stream", options, { skipSpecialTokens: true });
    const { decoder } = this.#pipeline;
    const kindOf = (id: number): IdKind => {
      const token = this.#tokenOf(id, options.skipSpecialTokens ?? false);
      if (token === undefined) return "none";
      return decoder?.joinsBytes && byteOf(token) !== undefined ? "byte" : "text";
    };
    const local = !this.#cleanUp && (decoder?.local ?? true);
    return new StreamDecoder({ decode: (ids) => this.#decode(ids, options), kindOf, local });
  }

  /** Returns the token of an id to decode. */
  #tokenOf(id: number, skipSpecialTokens: boolean): string | undefined {
    if (!isId(id)) {
      throw new TokenizerError({
        where: "decode",
        expected: "ids, whole numbers from 0 to 4294967295",
        got: describe(id),
      });
    }
    const token = this.#pipeline.tokenOf(id);
    return token !== undefined && skipSpecialTokens && this.#pipeline.added.isSpecial(token) ? undefined : token;
  }

  /**
   * Renders a chat as a prompt, exactly like transformers' `apply_chat_template`. The text includes the special tokens:
   * encode it with `{ addSpecialTokens: false }`.
   *
   * Whole JavaScript numbers are Python integers. If `1.0` and `1` must differ, read the messages with
   * `parsePythonJson`.
   *
   * @throws {OptionError} for an unknown option
   * @throws {TokenizerError} if there is no template, the template refuses the messages, or it takes too many steps
   */
  applyChatTemplate(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string {
    checkOptions("applyChatTemplate", options, CHAT_TEMPLATE_OPTIONS);
    return this.#templates.apply(messages, options);
  }

  /**
   * Renders a chat as text for training, with the parts that the assistant generates. The text is that of
   * `applyChatTemplate`.
   *
   * If the template marks these parts with `{% generation %}`, they are the spans that transformers masks. Otherwise
   * they are found by tracing the template as it writes each message: a part begins after the assistant's header, which
   * is the template's generation prompt, and ends with the token that ends the turn, before the newline that follows
   * it.
   *
   * @throws {OptionError} for an unknown option
   * @throws {TokenizerError} as `applyChatTemplate`, and, when the spans are read, if they cannot be determined
   */
  renderChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): RenderedChat {
    checkOptions("renderChat", options, RENDER_CHAT_OPTIONS);
    return this.#templates.render(messages, options);
  }

  /** Returns the id of a token, spelled as in the vocabulary; `undefined` if there is no such token. */
  idOf(token: string): number | undefined {
    return this.#pipeline.idOf(token);
  }

  /** Returns the token of an id, spelled as in the vocabulary; `undefined` if there is none. */
  tokenOf(id: number): string | undefined {
    return this.#pipeline.tokenOf(id);
  }

  #idOrNull(token: string | null): number | null {
    return token === null ? null : (this.idOf(token) ?? null);
  }
}
