import type { Normalizer } from "./normalizer.js";

/** `Nmt`: the cleaning of Google's neural machine translation, as in sentencepiece. */
export const nmt: Normalizer = (text) => {
  text.filter((code) => !isRemoved(code));
  text.map((char) => (isSpace(char.codePointAt(0) as number) ? " " : char));
};

function isRemoved(code: number): boolean {
  return (
    (code >= 0x01 && code <= 0x08) ||
    code === 0x0b ||
    (code >= 0x0e && code <= 0x1f) ||
    code === 0x7f ||
    code === 0x8f ||
    code === 0x9f
  );
}

function isSpace(code: number): boolean {
  return (
    code === 0x09 ||
    code === 0x0a ||
    code === 0x0c ||
    code === 0x0d ||
    code === 0x1680 ||
    (code >= 0x200b && code <= 0x200f) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x2581 ||
    code === 0xfeff ||
    code === 0xfffd
  );
}
