/** Values of flags: text in, a value or a message out. */

import { InvalidArgumentError } from "commander";

/** A number that fits. */
export function number(fits: (value: number) => boolean, expected: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value) && fits(value)) return value;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
}

/** A whole number of at least `least`. */
export function integer(least: number): (text: string) => number {
  return number((value) => Number.isSafeInteger(value) && value >= least, `a whole number of at least ${least}`);
}

/** Token ids, separated by commas. */
export function ids(text: string): number[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.every((part) => /^\d+$/.test(part) && Number.isSafeInteger(Number(part)))) return parts.map(Number);
  throw new InvalidArgumentError("Expected token ids separated by commas, such as 5,6,7.");
}

/** Text of some length. */
export function someText(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("Expected some text.");
}
