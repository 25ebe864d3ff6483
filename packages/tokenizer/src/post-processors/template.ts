import { badValue, Fields, isId, isObject } from "../fields.js";
import type { ReadPart } from "../read-parts.js";
import { TokenizerError } from "../tokenizer-error.js";
import { type Encoding, type PostProcessor, specialTokens } from "./post-processor.js";

/** A piece of a template: one of the encodings, or special tokens. */
type Piece = { readonly sequence: number } | { readonly ids: readonly number[]; readonly texts: readonly string[] };

/** Maximum pieces of a template, and ids of a special token: each piece may be a text of any length. */
const MAX_PIECES = 100;

/** `TemplateProcessing`: special tokens around the tokens of a text, such as `<s> $A </s>`. */
export const readTemplate: ReadPart<PostProcessor> = (fields) => {
  const special = fields.object("special_tokens");
  const read = (key: "single" | "pair"): Piece[] =>
    fewPieces(fields, key).map((piece, i) => readPiece(piece, special, `${fields.at(key)}[${i}]`));
  const single = read("single");
  const pair = read("pair");
  return (encodings, { addSpecialTokens }) => {
    if (encodings.length > 2) {
      throw new TokenizerError({
        where: fields.where,
        expected: "one or two encodings from the previous post-processor",
        got: String(encodings.length),
        fix: "Put all special tokens into one TemplateProcessing",
      });
    }
    return (encodings.length === 1 ? single : pair).flatMap((piece): Encoding[] => {
      if ("sequence" in piece) {
        const encoding = encodings[piece.sequence];
        return encoding ? [encoding] : [];
      }
      if (!addSpecialTokens) return [];
      return [specialTokens(piece.ids, piece.texts, encodings[0]?.offsets !== undefined)];
    });
  };
};

function fewPieces(fields: Fields, key: string): readonly unknown[] {
  const list = fields.array(key);
  if (list.length > MAX_PIECES) throw badValue(fields.at(key), `at most ${MAX_PIECES} entries`, list.length);
  return list;
}

function readPiece(value: unknown, special: Fields, where: string): Piece {
  const piece = new Fields(value, where);
  if (piece.has("Sequence")) {
    return { sequence: piece.object("Sequence").oneOf("id", ["A", "B"]) === "A" ? 0 : 1 };
  }
  if (!piece.has("SpecialToken")) throw badValue(where, "a Sequence or a SpecialToken", value);
  const name = piece.object("SpecialToken").string("id");
  if (!isObject(special.get(name))) throw badValue(where, "one of the special_tokens", name);
  const token = special.object(name);
  const ids = fewPieces(token, "ids");
  const texts = token.array("tokens");
  if (!ids.every(isId)) throw badValue(token.at("ids"), "ids", ids);
  if (!texts.every((text) => typeof text === "string")) throw badValue(token.at("tokens"), "texts", texts);
  return { ids, texts };
}
