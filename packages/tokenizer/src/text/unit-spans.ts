import { byteLength, utf8Length } from "../unicode/utf8.js";

/**
 * Converts parts in bytes of UTF-8 (`start, end, start, end …`) to parts in UTF-16 units. A part that begins or ends
 * within a character includes all of it.
 */
export function unitSpans(text: string, byteSpans: readonly number[]): readonly number[] {
  if (byteLength(text) === text.length) return byteSpans;
  // Units at which the character of each byte begins and ends.
  const starts: number[] = [];
  const ends: number[] = [];
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at) as number;
    const end = at + (code > 0xffff ? 2 : 1);
    for (let i = utf8Length(code); i > 0; i--) {
      starts.push(at);
      ends.push(end);
    }
    at = end;
  }
  return byteSpans.map((byte, i) => (i % 2 === 0 ? starts[byte] : ends[byte - 1]) ?? text.length);
}
