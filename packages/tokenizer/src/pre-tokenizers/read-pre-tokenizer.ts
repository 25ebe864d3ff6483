import { badValue } from "../fields.js";
import { type PartKinds, type ReadPart, readPart } from "../read-parts.js";
import { scriptOf } from "../unicode/characters.js";
import { unitLength } from "../unicode/utf8.js";
import { readByteLevel } from "./byte-level.js";
import { readMetaspace } from "./metaspace.js";
import type { Emit, PreTokenizer } from "./pre-tokenizer.js";
import {
  bert,
  readDelimiter,
  readDigits,
  readPunctuation,
  readSplit,
  whitespace,
  whitespaceSplit,
} from "./splitting.js";

const PRE_TOKENIZERS: PartKinds<PreTokenizer> = {
  listKey: "pretokenizers",
  sequence: (parts) => parts.reduceRight<PreTokenizer>(chain, (text, emit) => emit(text)),
  kinds: new Map<string, ReadPart<PreTokenizer>>([
    ["BertPreTokenizer", () => bert],
    ["ByteLevel", readByteLevel],
    ["CharDelimiterSplit", readDelimiter],
    ["Digits", readDigits],
    ["FixedLength", readFixedLength],
    ["Metaspace", readMetaspace],
    ["Punctuation", readPunctuation],
    ["Split", readSplit],
    ["UnicodeScripts", () => unicodeScripts],
    ["Whitespace", () => whitespace],
    ["WhitespaceSplit", () => whitespaceSplit],
  ]),
};

/** Reads `pre_tokenizer`; undefined if there is none. */
export function readPreTokenizer(value: unknown, where: string): PreTokenizer | undefined {
  return readPart(value, where, PRE_TOKENIZERS);
}

function chain(rest: PreTokenizer, part: PreTokenizer): PreTokenizer {
  return (text, emit) => part(text, (piece) => (piece.text === "" ? undefined : rest(piece, emit)));
}

/** `FixedLength`: pieces of a fixed number of characters. */
function readFixedLength(fields: Parameters<ReadPart<PreTokenizer>>[0]): PreTokenizer {
  const length = fields.whole("length", 5);
  if (length === 0) throw badValue(fields.at("length"), "at least 1", length);
  return (piece, emit) => {
    const text = piece.text;
    for (let start = 0; start < text.length; ) {
      let end = start;
      for (let count = 0; count < length && end < text.length; count++) end += unitLength(text, end);
      emit(piece.slice(start, end));
      start = end;
    }
  };
}

/** `UnicodeScripts`: splits where the script changes. As in the reference, text before the first script is lost. */
function unicodeScripts(piece: Parameters<PreTokenizer>[0], emit: Emit): void {
  const text = piece.text;
  let last: number | undefined;
  let start: number | undefined;
  for (let at = 0; at < text.length; at += unitLength(text, at)) {
    const script = scriptOf(text.codePointAt(at) as number);
    if (script === 0 || script === last) continue;
    if (start !== undefined) emit(piece.slice(start, at));
    start = at;
    last = script;
  }
  if (start !== undefined) emit(piece.slice(start, text.length));
}
