import { Tokenizer as Backend, ByteFallbackDecoder, type Decoder, SequenceDecoder } from "@huggingface/tokenizers";
import { checkOptions } from "@mixtape/errors";
import { CHAT_TEMPLATE_OPTIONS, type ChatMessage, type ChatTemplateOptions, ChatTemplates } from "./chat-template.js";
import { StreamDecoder } from "./stream-decoder.js";
import { messageOf, TokenizerError } from "./tokenizer-error.js";
import {
  asObject,
  type JsonObject,
  readFiles,
  readFolder,
  type TokenizerFiles,
  type TokenizerSource,
} from "./tokenizer-files.js";

/** How text becomes ids. */
export interface EncodeOptions {
  /** Adds what the tokenizer's post-processor adds, such as a begin-of-text token. Default `true`. */
  readonly addSpecialTokens?: boolean;
}

/** How ids become text. */
export interface DecodeOptions {
  /** Leaves special tokens out of the text. Default `false`. */
  readonly skipSpecialTokens?: boolean;
}

/**
 * Text to token ids and back, from the `tokenizer.json` of a Hugging Face checkpoint. The work is done by
 * `@huggingface/tokenizers` (ids and text) and `@huggingface/jinja` (chat templates).
 */
export class Tokenizer {
  /** The highest id, added tokens included, plus one. A model's embedding needs at least as many rows. */
  readonly vocabSize: number;
  /** The begin-of-text token that the config names; `null` where there is none. */
  readonly bosToken: string | null;
  /** Its id; `null` where there is none. */
  readonly bosTokenId: number | null;
  /** The end-of-text token that the config names; `null` where there is none. */
  readonly eosToken: string | null;
  /** Its id; `null` where there is none. */
  readonly eosTokenId: number | null;
  /** The token that fills rows up; `null` where the config names none. */
  readonly padToken: string | null;
  /** Its id; `null` where there is none. */
  readonly padTokenId: number | null;
  /** The token for what the vocabulary does not have; `null` where the config names none. */
  readonly unkToken: string | null;
  /** Its id; `null` where there is none. */
  readonly unkTokenId: number | null;

  readonly #backend: Backend;
  readonly #templates: ChatTemplates;
  /** The named special tokens, as chat templates see them: `bos_token` to `<s>`. */
  readonly #specials: Readonly<Record<string, string>>;
  /** Whether decoding closes up spaces before punctuation, as the config asks. Only for WordPiece and Unigram: as in
   *  transformers 5, a BPE's text is left alone. */
  readonly #cleanUp: boolean;
  readonly #local: boolean;

  private constructor(source: TokenizerSource) {
    const { where, config } = source;
    const json: JsonObject = {
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      ...source.tokenizer,
      added_tokens: source.tokenizer.added_tokens ?? [],
    };
    try {
      this.#backend = new Backend(json, config);
    } catch (cause) {
      throw new TokenizerError({
        where: `${where}: tokenizer.json`,
        expected: "a tokenizer that @huggingface/tokenizers can read",
        got: messageOf(cause),
        cause,
      });
    }
    keepByteOrderMarks(this.#backend.decoder);
    this.#templates = new ChatTemplates(source);
    this.#specials = namedTokens(config);
    this.#cleanUp = config.clean_up_tokenization_spaces === true && asObject(json.model, where).type !== "BPE";
    this.#local = !this.#cleanUp && isLocal(json.decoder);
    this.vocabSize = this.#backend.model?.vocab.length ?? 0;
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
   * Reads a checkpoint's folder: `tokenizer.json`, and where present `tokenizer_config.json`, `special_tokens_map.json` and
   * `chat_template.jinja`. Node only.
   *
   * @throws {TokenizerError} if the folder has no `tokenizer.json`, or a file is broken
   */
  static async fromFolder(path: string | URL): Promise<Tokenizer> {
    return new Tokenizer(await readFolder(path));
  }

  /**
   * The same from files at hand, by name.
   *
   * @throws {TokenizerError} if there is no `tokenizer.json` among them, or a file is broken
   */
  static async fromFiles(files: TokenizerFiles): Promise<Tokenizer> {
    return new Tokenizer(await readFiles(files));
  }

  /**
   * The same from the parsed contents of `tokenizer.json` and `tokenizer_config.json`.
   *
   * @throws {TokenizerError} if they do not describe a tokenizer
   */
  static fromJSON(tokenizerJson: object, tokenizerConfigJson: object = {}): Tokenizer {
    return new Tokenizer({
      where: "tokenizer",
      tokenizer: asObject(tokenizerJson, "tokenizer.json"),
      config: asObject(tokenizerConfigJson, "tokenizer_config.json"),
    });
  }

  /**
   * Text to ids. The texts of special tokens become those tokens.
   *
   * @throws {OptionError} for an option that it does not know
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    checkOptions("encode", options, { addSpecialTokens: true });
    const { addSpecialTokens = true } = options;
    const { ids } = this.#backend.encode(text, { add_special_tokens: addSpecialTokens });
    return ids;
  }

  /**
   * Ids to text. An id without a token (models pad their vocabularies) has no text, as in the reference. Bytes that are not
   * UTF-8 become U+FFFD, one for each maximal invalid part, as the WHATWG Encoding Standard has it.
   *
   * @throws {OptionError} for an option that it does not know
   */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    checkOptions("decode", options, { skipSpecialTokens: true });
    return this.#decode(ids, options);
  }

  #decode(ids: Iterable<number>, { skipSpecialTokens = false }: DecodeOptions): string {
    const known = Array.from(ids).filter((id) => this.tokenOf(id) !== undefined);
    if (known.length === 0) return "";
    return this.#backend.decode(known, {
      skip_special_tokens: skipSpecialTokens,
      clean_up_tokenization_spaces: this.#cleanUp,
    });
  }

  /**
   * A decoder that takes one id at a time, for showing text as it is generated.
   *
   * @throws {OptionError} for an option that it does not know
   */
  stream(options: DecodeOptions = {}): StreamDecoder {
    checkOptions("stream", options, { skipSpecialTokens: true });
    return new StreamDecoder({ decode: (ids) => this.#decode(ids, options), local: this.#local });
  }

  /**
   * A chat as the text that the model was trained on. The special tokens are in the text: encode it with
   * `{ addSpecialTokens: false }`.
   *
   * @throws {OptionError} for an option that it does not know
   * @throws {TokenizerError} if there is no template, or the template refuses the messages
   */
  applyChatTemplate(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string {
    checkOptions("applyChatTemplate", options, CHAT_TEMPLATE_OPTIONS);
    return this.#templates.render(messages, this.#specials, options);
  }

  /** The id of a token, spelled as in the vocabulary; `undefined` where there is no such token. */
  idOf(token: string): number | undefined {
    return this.#backend.token_to_id(token);
  }

  /** The token of an id, spelled as in the vocabulary; `undefined` where there is none. */
  tokenOf(id: number): string | undefined {
    return this.#backend.id_to_token(id);
  }

  #idOrNull(token: string | null): number | null {
    return token === null ? null : (this.idOf(token) ?? null);
  }
}

/** The config's `*_token` entries: a text, or an object with the text as its `content`. */
function namedTokens(config: JsonObject): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!key.endsWith("_token")) continue;
    if (typeof value === "string") tokens[key] = value;
    else if (typeof value === "object" && value !== null && "content" in value && typeof value.content === "string") {
      tokens[key] = value.content;
    }
  }
  return tokens;
}

/** Byte tokens that spell U+FEFF are text like any other; the library's decoder drops them at the start of a run. */
function keepByteOrderMarks(decoder: Decoder | null): void {
  const parts: (Decoder | null)[] = decoder instanceof SequenceDecoder ? decoder.decoders : [decoder];
  for (const part of parts) {
    if (part instanceof ByteFallbackDecoder) part.text_decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  }
}

/**
 * Whether a decoder's text for some tokens stays the same when more tokens follow, but for a character that is not complete.
 * True of all decoders that byte-level and sentencepiece tokenizers use.
 */
function isLocal(decoder: unknown): boolean {
  if (decoder === null || decoder === undefined) return true;
  const { type, decoders = [], cleanup = false, stop = 0 } = decoder as Readonly<Record<string, unknown>>;
  if (type === "Sequence") {
    const parts = decoders as { type?: unknown }[];
    const fuse = parts.findIndex((part) => part.type === "Fuse");
    // Behind Fuse there is one piece, the whole text: a replacement in it may reach across tokens.
    const late = fuse === -1 ? [] : parts.slice(fuse + 1);
    return parts.every(isLocal) && late.every((part) => part.type !== "Replace");
  }
  if (type === "Strip") return stop === 0;
  if (type === "WordPiece") return cleanup === false;
  return ["ByteLevel", "Metaspace", "Replace", "ByteFallback", "Fuse"].includes(type as string);
}
