import { readPattern } from "../patterns/pattern.js";
import { readPrependScheme } from "../pre-tokenizers/metaspace.js";
import { type PartKinds, type ReadPart, readPart } from "../read-parts.js";
import { byteFallback, byteLevel } from "./bytes.js";
import { type Decoder, unitsOf } from "./decoder.js";
import { readBpe, readCtc, readWordPiece } from "./words.js";

const DECODERS: PartKinds<Decoder> = {
  listKey: "decoders",
  sequence,
  kinds: new Map<string, ReadPart<Decoder>>([
    ["BPEDecoder", readBpe],
    ["ByteFallback", () => byteFallback],
    ["ByteLevel", () => byteLevel],
    ["CTC", readCtc],
    ["Fuse", () => fuse],
    ["Metaspace", readMetaspace],
    ["Replace", readReplace],
    ["Strip", readStrip],
    ["WordPiece", readWordPiece],
  ]),
};

/** Reads `decoder`; undefined if there is none. */
export function readDecoder(value: unknown, where: string): Decoder | undefined {
  return readPart(value, where, DECODERS);
}

function sequence(parts: readonly Decoder[]): Decoder {
  const fused = parts.findIndex(({ fuses }) => fuses);
  // After Fuse there is one text: only a cut at its beginning keeps the earlier output unchanged.
  const late = fused === -1 ? [] : parts.slice(fused + 1);
  return {
    decode: (tokens, budget) => {
      let texts = [...tokens];
      let units = unitsOf(texts);
      for (const part of parts) {
        texts = part.decode(texts, budget);
        const before = units;
        units = unitsOf(texts);
        budget.grow(units - before);
      }
      return texts;
    },
    local: parts.every(({ local }) => local) && late.every((part) => STABLE.has(part)),
    fuses: fused !== -1,
    joinsBytes: parts.some(({ joinsBytes }) => joinsBytes),
  };
}

/** Decoders that may follow Fuse if a text is decoded in pieces. */
const STABLE = new WeakSet<Decoder>();

const fuse: Decoder = { decode: (tokens) => [tokens.join("")], local: true, fuses: true };
STABLE.add(fuse);

/** `Metaspace`: the marks become spaces, except those of the first token. */
function readMetaspace(fields: Parameters<ReadPart<Decoder>>[0]): Decoder {
  const mark = fields.char("replacement");
  const scheme = readPrependScheme(fields);
  return {
    decode: (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && scheme !== "never" ? "" : " ")),
    local: true,
  };
}

/** `Replace`. */
function readReplace(fields: Parameters<ReadPart<Decoder>>[0]): Decoder {
  const find = readPattern(fields);
  const content = fields.string("content");
  return {
    decode: (tokens, budget) => {
      let growth = 0;
      return tokens.map((token) => {
        const matches = find(token, budget);
        growth += (matches.length / 2) * content.length - token.length;
        budget.check(growth);
        return replaced(token, matches, content);
      });
    },
    local: true,
  };
}

function replaced(text: string, matches: readonly number[], content: string): string {
  let out = "";
  let last = 0;
  for (let i = 0; i < matches.length; i += 2) {
    out += text.slice(last, matches[i]) + content;
    last = matches[i + 1] as number;
  }
  return out + text.slice(last);
}

/** `Strip`: removes up to a number of a given character at the ends. */
function readStrip(fields: Parameters<ReadPart<Decoder>>[0]): Decoder {
  const content = fields.char("content");
  const most = fields.whole("start");
  const mostBehind = fields.whole("stop");
  const strip = (text: string): string => {
    let start = 0;
    for (let i = 0; i < most && text.startsWith(content, start); i++) start += content.length;
    let end = text.length;
    for (let i = 0; i < mostBehind && end > start && text.endsWith(content, end); i++) end -= content.length;
    return text.slice(start, end);
  };
  const decoder: Decoder = { decode: (tokens) => tokens.map(strip), local: mostBehind === 0 };
  STABLE.add(decoder);
  return decoder;
}
