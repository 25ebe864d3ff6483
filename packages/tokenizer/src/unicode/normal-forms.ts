/**
 * Normal forms of Unicode (UAX #15), character by character, recording which characters were composed and which were
 * decomposed. The engine's `normalize` does not report that, and knows newer characters than the reference does.
 */

import { combiningClass, isInert } from "./characters.js";

/** A character of the result, and how many characters it replaces: 1 + `-change`; a positive change inserts it. */
export interface Change {
  readonly char: string;
  readonly change: number;
}

export type NormalForm = "NFC" | "NFD" | "NFKC" | "NFKD";

interface Part extends Change {
  readonly order: number;
}

/** Returns the changes that convert a text to a normal form. */
export function normalFormChanges(text: string, form: NormalForm): Change[] {
  const parts = decompose(text, form === "NFC" || form === "NFD" ? "NFD" : "NFKD");
  return form === "NFC" || form === "NFKC" ? recompose(parts) : parts;
}

/** Number of cached characters and pairs, to bound memory. */
const REMEMBERED = 20_000;

const decompositions = { NFD: new Map<string, readonly string[]>(), NFKD: new Map<string, readonly string[]>() };

function decompositionOf(char: string, form: "NFD" | "NFKD"): readonly string[] {
  const known = decompositions[form];
  let parts = known.get(char);
  if (parts === undefined) {
    parts = isInert(char.codePointAt(0) as number) ? [char] : Array.from(char.normalize(form));
    if (known.size >= REMEMBERED) known.clear();
    known.set(char, parts);
  }
  return parts;
}

/** Decomposes characters, with marks in canonical order. */
function decompose(text: string, form: "NFD" | "NFKD"): Part[] {
  const out: Part[] = [];
  let pending = 0;
  const sortPending = (): void => {
    if (out.length - pending > 1) {
      const sorted = out.slice(pending).sort((a, b) => a.order - b.order);
      for (const [i, part] of sorted.entries()) out[pending + i] = part;
    }
    pending = out.length;
  };
  for (const char of text) {
    for (const [i, part] of decompositionOf(char, form).entries()) {
      const order = combiningClass(part.codePointAt(0) as number);
      if (order === 0) sortPending();
      out.push({ char: part, change: i === 0 ? 0 : 1, order });
    }
  }
  sortPending();
  return out;
}

/** Composes characters unless something between them blocks it. */
function recompose(parts: readonly Part[]): Change[] {
  const out: Change[] = [];
  let starter: Change | undefined;
  let marks: Change[] = [];
  let lastOrder: number | undefined;
  const flush = (): void => {
    if (starter) out.push(starter);
    for (const mark of marks) out.push(mark);
    marks = [];
    lastOrder = undefined;
  };
  for (const part of parts) {
    if (starter === undefined) {
      if (part.order === 0) starter = part;
      else out.push(part);
      continue;
    }
    const blocked = lastOrder !== undefined && lastOrder >= part.order;
    const composed = blocked ? undefined : compose(starter.char, part.char);
    if (composed !== undefined) {
      starter = { char: composed, change: starter.change + part.change - 1 };
    } else if (part.order === 0) {
      flush();
      starter = part;
    } else {
      marks.push(part);
      lastOrder = part.order;
    }
  }
  flush();
  return out;
}

const compositions = new Map<string, string | undefined>();

function compose(a: string, b: string): string | undefined {
  const pair = a + b;
  if (compositions.has(pair)) return compositions.get(pair);
  const whole = pair.normalize("NFC");
  const one = whole.length > 0 && whole.length === String.fromCodePoint(whole.codePointAt(0) as number).length;
  const composed =
    one && !isInert(whole.codePointAt(0) as number) && !isInert(b.codePointAt(0) as number) ? whole : undefined;
  if (compositions.size >= REMEMBERED) compositions.clear();
  compositions.set(pair, composed);
  return composed;
}
