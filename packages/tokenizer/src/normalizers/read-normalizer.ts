import { readPattern } from "../patterns/pattern.js";
import { type PartKinds, type ReadPart, readPart } from "../read-parts.js";
import { toByteAlphabet } from "../unicode/byte-alphabet.js";
import { lowerCase } from "../unicode/characters.js";
import { readBert } from "./bert.js";
import { nmt } from "./nmt.js";
import { normalForm } from "./normal-form.js";
import type { Normalizer } from "./normalizer.js";
import { readPrecompiled } from "./precompiled.js";
import { readStrip, stripAccents } from "./strip.js";

const NORMALIZERS: PartKinds<Normalizer> = {
  listKey: "normalizers",
  sequence: (parts) => (text) => {
    for (const part of parts) part(text);
  },
  kinds: new Map<string, ReadPart<Normalizer>>([
    ["BertNormalizer", readBert],
    ["ByteLevel", () => (text) => text.map(toByteAlphabet)],
    ["Lowercase", () => (text) => text.map(lowerCase)],
    ["NFC", () => normalForm("NFC")],
    ["NFD", () => normalForm("NFD")],
    ["NFKC", () => normalForm("NFKC")],
    ["NFKD", () => normalForm("NFKD")],
    ["Nmt", () => nmt],
    ["Precompiled", readPrecompiled],
    [
      "Prepend",
      (fields) => {
        const prefix = fields.string("prepend");
        return (text) => text.prepend(prefix);
      },
    ],
    [
      "Replace",
      (fields) => {
        const matches = readPattern(fields);
        const content = fields.string("content");
        return (text) => text.replace(matches(text.text, text.budget), content);
      },
    ],
    ["Strip", readStrip],
    ["StripAccents", () => stripAccents],
  ]),
};

/** Reads `normalizer`; undefined if there is none. */
export function readNormalizer(value: unknown, where: string): Normalizer | undefined {
  return readPart(value, where, NORMALIZERS);
}
