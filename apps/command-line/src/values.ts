/** Parsers of flag values: text in, a value or an error out. */

import { InvalidArgumentError } from "commander";

/** Parses a number that satisfies a condition. */
export function number(fits: (value: number) => boolean, expected: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value) && fits(value)) return value;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
}

/** Parses an integer of at least `least`. */
export function integer(least: number): (text: string) => number {
  return number((value) => Number.isSafeInteger(value) && value >= least, `a whole number of at least ${least}`);
}

/** Parses token ids, separated by commas. */
export function ids(text: string): number[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.every((part) => /^\d+$/.test(part) && Number.isSafeInteger(Number(part)))) return parts.map(Number);
  throw new InvalidArgumentError("Expected token ids separated by commas, such as 5,6,7.");
}

/** Parses a text that satisfies a condition. */
export function textOf(fits: (text: string) => boolean, expected: string): (text: string) => string {
  return (text) => {
    if (fits(text)) return text;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
}

/** Parses a text that is not empty. */
export function someText(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("Expected some text.");
}

const UNITS: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** Parses a number of bytes in the format of transformers' `max_shard_size`. */
export function fileSize(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([KMG]i?B)$/i.exec(text.trim()) ?? [];
  const size = Math.floor(Number(digits) * (UNITS[unit?.toUpperCase() ?? ""] ?? Number.NaN));
  if (size >= 1) return size;
  throw new InvalidArgumentError("Expected a size such as 2GB, 500MB or 1GiB.");
}
