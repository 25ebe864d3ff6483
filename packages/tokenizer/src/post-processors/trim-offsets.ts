import { SPACE_CHAR } from "../unicode/byte-alphabet.js";
import { isWhiteSpace } from "../unicode/characters.js";
import type { Encoding } from "./post-processor.js";

/** Removes white space at the ends of tokens from their offsets. */
export function trimOffsets(encoding: Encoding, text: string, addPrefixSpace: boolean): Encoding {
  const { offsets } = encoding;
  if (!offsets) return encoding;
  const starts = [...offsets.starts];
  const ends = [...offsets.ends];
  for (const [i, token] of offsets.texts.entries()) {
    const chars = Array.from(token);
    let leading = chars.findIndex((char) => !isSpace(char));
    if (leading === -1) leading = chars.length;
    const trailing = chars.length - 1 - chars.findLastIndex((char) => !isSpace(char));
    const start = starts[i] as number;
    const end = ends[i] as number;
    // A single space at the beginning is the one that was added.
    if (addPrefixSpace && leading === 1 && (i === 0 || start === 0)) leading = 0;
    if (leading > 0) starts[i] = Math.min(forward(text, start, leading), end);
    const back = trailing > 0 ? backward(text, end, trailing) : undefined;
    if (back !== undefined) ends[i] = Math.max(back, starts[i] as number);
  }
  return { ids: encoding.ids, offsets: { starts, ends, texts: offsets.texts } };
}

function isSpace(char: string): boolean {
  return char === SPACE_CHAR || isWhiteSpace(char.codePointAt(0) as number);
}

/** Moves forward by `count` characters. */
function forward(text: string, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count; i++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return at;
}

/** Moves backward by `count` characters; undefined if there are fewer. */
function backward(text: string, from: number, count: number): number | undefined {
  let at = from;
  for (let i = 0; i < count; i++) {
    if (at === 0) return undefined;
    const low = text.charCodeAt(at - 1);
    at -= low >= 0xdc00 && low < 0xe000 ? 2 : 1;
  }
  return at;
}
