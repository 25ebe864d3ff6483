import { isCombiningMark, isWhiteSpace } from "../unicode/characters.js";
import type { Normalizer, ReadNormalizer } from "./normalizer.js";

/** `Strip`: removes white space at the ends. */
export const readStrip: ReadNormalizer = (fields) => {
  const left = fields.boolean("strip_left");
  const right = fields.boolean("strip_right");
  return (aligned) => {
    const text = aligned.text;
    let start = 0;
    let end = text.length;
    while (left && start < end && isWhiteSpace(text.charCodeAt(start))) start++;
    while (right && end > start && isWhiteSpace(text.charCodeAt(end - 1))) end--;
    if (end - start < text.length) aligned.trim(start, end);
  };
};

/** `StripAccents`: removes marks. */
export const stripAccents: Normalizer = (text) => text.filter((code) => !isCombiningMark(code));
