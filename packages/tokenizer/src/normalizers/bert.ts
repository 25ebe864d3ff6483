import { isControl, isNonspacingMark, isWhiteSpace, lowerCase } from "../unicode/characters.js";
import { normalForm } from "./normal-form.js";
import type { ReadNormalizer } from "./normalizer.js";

const HAN: readonly (readonly [first: number, last: number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
];

/** `BertNormalizer`: cleans, isolates Chinese characters, strips accents, lower-cases. */
export const readBert: ReadNormalizer = (fields) => {
  const cleans = fields.boolean("clean_text");
  const setsApart = fields.boolean("handle_chinese_chars");
  const lowers = fields.boolean("lowercase");
  const strips = fields.get("strip_accents") === null ? lowers : fields.boolean("strip_accents", lowers);
  const decompose = normalForm("NFD");
  return (text) => {
    if (cleans) {
      text.filter((code) => !isControl(code));
      text.map((char) => (isWhiteSpace(char.codePointAt(0) as number) ? " " : char));
    }
    if (setsApart) {
      text.transform(
        Array.from(text.text).flatMap((char) =>
          isHan(char.codePointAt(0) as number)
            ? [
                { char: " ", change: 0 },
                { char, change: 1 },
                { char: " ", change: 1 },
              ]
            : [{ char, change: 0 }],
        ),
      );
    }
    if (strips) {
      decompose(text);
      text.filter((code) => !isNonspacingMark(code));
    }
    if (lowers) text.map(lowerCase);
  };
};

function isHan(code: number): boolean {
  return HAN.some(([first, last]) => code >= first && code <= last);
}
