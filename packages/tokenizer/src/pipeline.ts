import { type AddedToken, readAddedToken } from "./added-tokens/added-token.js";
import { AddedVocabulary } from "./added-tokens/added-vocabulary.js";
import { type Decoder, unitsOf } from "./decoders/decoder.js";
import { readDecoder } from "./decoders/read-decoder.js";
import { badValue, Fields, isObject, type JsonObject } from "./fields.js";
import type { Model } from "./models/model.js";
import { readModel } from "./models/read-model.js";
import { readNormalizer } from "./normalizers/read-normalizer.js";
import { type Encoding, joined, type PostProcessor } from "./post-processors/post-processor.js";
import { readPostProcessor } from "./post-processors/read-post-processor.js";
import type { PreTokenizer } from "./pre-tokenizers/pre-tokenizer.js";
import { readPreTokenizer } from "./pre-tokenizers/read-pre-tokenizer.js";
import { AlignedText } from "./text/aligned-text.js";
import { Budget } from "./text/budget.js";
import { unitSpans } from "./text/unit-spans.js";
import { wellFormed } from "./unicode/utf8.js";

/** Options for encoding. */
export interface PipelineOptions {
  readonly addSpecialTokens: boolean;
  /** Whether the texts of special tokens are treated as plain text. */
  readonly splitSpecialTokens: boolean;
  readonly offsets: boolean;
}

/**
 * The stages of `tokenizer.json`, as in Python's `tokenizers`: added tokens are split off, the rest is normalized,
 * split into words, and split into tokens by the model; the post-processor adds special tokens. The decoder goes in the
 * other direction.
 */
export class Pipeline {
  readonly added: AddedVocabulary;
  readonly #where: string;
  readonly #model: Model;
  #preTokenizer: PreTokenizer;
  #postProcessor: PostProcessor | undefined;
  readonly decoder: Decoder | undefined;
  /** Whether the stages themselves need the origin of a piece. */
  #tracked: boolean;

  /** @throws {TokenizerError} for a stage that is unknown or invalid */
  constructor(json: JsonObject, where: string, added: readonly AddedToken[] = readAddedTokens(json, where)) {
    this.#where = where;
    const version = json.version ?? "1.0";
    if (version !== "1.0") throw badValue(`${where}: version`, '"1.0"', version);
    const at = (key: string): string => `${where}: ${key}`;
    this.#model = readModel(json.model, at("model"));
    const normalizer = readNormalizer(json.normalizer, at("normalizer"));
    this.#preTokenizer = readPreTokenizer(json.pre_tokenizer, at("pre_tokenizer")) ?? WHOLE;
    this.#postProcessor = readPostProcessor(json.post_processor, at("post_processor"));
    this.decoder = readDecoder(json.decoder, at("decoder"));
    this.added = new AddedVocabulary(this.#model, normalizer, where);
    this.added.add(added);
    this.#tracked =
      marksFirstWord(json.pre_tokenizer) && (normalizer !== undefined || !isMetaspace(json.pre_tokenizer));
  }

  /** Number of tokens. */
  get size(): number {
    return this.added.size;
  }

  /** The highest id, or -1. */
  get maxId(): number {
    return Math.max(this.#model.maxId, this.added.maxId);
  }

  idOf(token: string): number | undefined {
    return this.added.idOf(token);
  }

  tokenOf(id: number): string | undefined {
    return this.added.contentOf(id) ?? this.#model.tokenOf(id);
  }

  /**
   * Replaces the file's pre-tokenizer.
   * @throws {TokenizerError} for an unknown pre-tokenizer
   */
  usePreTokenizer(json: JsonObject, where: string): void {
    this.#preTokenizer = readPreTokenizer(json, where) ?? WHOLE;
    this.#tracked = marksFirstWord(json);
  }

  /** Replaces the post-processor by one that adds tokens around every text. */
  usePostProcessor(postProcessor: PostProcessor): void {
    this.#postProcessor = postProcessor;
  }

  encode(input: string, options: PipelineOptions): Encoding {
    const text = wellFormed(input);
    const encoding = this.#encode(text, options);
    return joined(
      this.#postProcessor?.([encoding], { addSpecialTokens: options.addSpecialTokens, text }) ?? [encoding],
    );
  }

  /**
   * Decodes tokens to text.
   * @throws {TokenizerError} if the text would be too long
   */
  decode(tokens: readonly string[]): string {
    const budget = new Budget(`${this.#where}: decoder`, unitsOf(tokens) + tokens.length);
    return this.decoder ? this.decoder.decode(tokens, budget).join("") : tokens.join(" ");
  }

  #encode(text: string, { offsets: tracked, splitSpecialTokens }: PipelineOptions): Encoding {
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const texts: string[] = [];
    const track = (piece: AlignedText, start: number, end: number, token: string): void => {
      const span = piece.originalSpan(start, end);
      starts.push(span[0]);
      ends.push(span[1]);
      texts.push(token);
    };
    const encodePiece = (piece: AlignedText): void => {
      if (piece.text === "") return;
      const tokens = this.#model.tokenize(piece.text);
      for (let i = 0; i < tokens.ids.length; i++) ids.push(tokens.ids[i] as number);
      if (!tracked) return;
      const spans = unitSpans(piece.text, tokens.spans);
      for (const [i, id] of tokens.ids.entries()) {
        const token = tokens.texts?.[i] ?? this.#model.tokenOf(id) ?? "";
        track(piece, spans[2 * i] as number, spans[2 * i + 1] as number, token);
      }
    };
    for (const { text: section, id } of this.added.split(
      new AlignedText(
        text,
        tracked || this.#tracked,
        new Budget(`${this.#where}: normalizer, pre_tokenizer`, text.length),
      ),
      splitSpecialTokens,
    )) {
      if (id === undefined) {
        if (section.text !== "") this.#preTokenizer(section, encodePiece);
        continue;
      }
      ids.push(id);
      if (tracked) track(section, 0, section.text.length, section.text);
    }
    return tracked ? { ids, offsets: { starts, ends, texts } } : { ids };
  }
}

/** Without a pre-tokenizer, a text is one word. */
const WHOLE: PreTokenizer = (text, emit) => emit(text);

/** Reads `added_tokens`, but not their ids: tokens that the model does not have get the next ones. */
export function readAddedTokens(json: JsonObject, where: string): AddedToken[] {
  const list = json.added_tokens ?? [];
  if (!Array.isArray(list)) throw badValue(`${where}: added_tokens`, "an array", list);
  return list.map((token, i) => {
    const at = `${where}: added_tokens[${i}]`;
    new Fields(token, at).whole("id");
    return readAddedToken(token, at);
  });
}

/** Whether a pre-tokenizer, or a part of one, treats the first word of a text specially. */
function marksFirstWord(preTokenizer: unknown): boolean {
  if (!isObject(preTokenizer)) return false;
  if (preTokenizer.prepend_scheme === "first") return true;
  return Array.isArray(preTokenizer.pretokenizers) && preTokenizer.pretokenizers.some(marksFirstWord);
}

function isMetaspace(preTokenizer: unknown): boolean {
  return isObject(preTokenizer) && preTokenizer.type === "Metaspace";
}
