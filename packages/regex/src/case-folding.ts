/** Case-insensitive equality of characters. */

import { CharSet } from "./char-set.js";

/** Maps characters that are equal when case is ignored to the same text. */
type Fold = (character: string) => string;

/** Compares as Python's `re`: by simple lower case, and equal upper case (`i`, `I`, `ı` and `İ` are all equal). */
const pythonFold: Fold = (character) => {
  const lower = String.fromCodePoint(character.toLowerCase().codePointAt(0)!);
  return lower.toUpperCase();
};

/** Unicode's full case folding (CaseFolding.txt, C and F), as Oniguruma compares: `ß` folds to `ss`. */
const fullFold: Fold = (character) => {
  if (character === "\u0131") return character; // Its upper case is I, and it still folds to itself.
  return character.toLowerCase().toUpperCase().toLowerCase();
};

/** The case variants of all characters under one folding. */
export class CaseFolding {
  readonly #fold: Fold;
  readonly #characters = new Map<number, CharSet>();
  #expansions: readonly string[] | undefined;
  #classes: ReadonlyMap<string, readonly number[]> | undefined;

  constructor(fold: Fold) {
    this.#fold = fold;
  }

  /** Folds a code point: to one code point for most, to several for such as `ß`. */
  fold(code: number): string {
    return this.#fold(String.fromCodePoint(code));
  }

  /** Returns the code points that fold to a text. */
  unfold(folded: string): readonly number[] {
    this.#classes ??= classesOf(this.#fold);
    return this.#classes.get(folded) ?? [];
  }

  /** Returns the texts of several characters that one character folds to. */
  expansions(): readonly string[] {
    this.#classes ??= classesOf(this.#fold);
    this.#expansions ??= [...this.#classes.keys()].filter((folded) => [...folded].length > 1);
    return this.#expansions;
  }

  /** Returns the code points that equal one when case is ignored, itself included. */
  variants(code: number): readonly number[] {
    const found = this.unfold(this.fold(code));
    return found.includes(code) ? found : [code];
  }

  /** Returns the set of the variants of a code point. */
  character(code: number): CharSet {
    const set = this.#characters.get(code) ?? setOf(this.variants(code));
    this.#characters.set(code, set);
    return set;
  }

  /** Returns a set extended by everything that equals one of its code points when case is ignored. */
  close(set: CharSet): CharSet {
    const test = (code: number): boolean => this.variants(code).some((variant) => set.has(variant));
    return new CharSet(test, () => {
      const added = CASED.codes().filter((code) => !set.has(code) && test(code));
      return added.length === 0 ? set.source : CharSet.union([set, setOf(added)]).source;
    });
  }
}

/** Returns the set of the listed code points. */
export function setOf(codes: readonly number[]): CharSet {
  return CharSet.ranges(codes.map((code) => [code, code]));
}

/** The characters that have case. */
const CASED = {
  all: undefined as readonly number[] | undefined,
  codes(): readonly number[] {
    const cased = /[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]/u;
    this.all ??= Array.from({ length: 0x20000 }, (_, code) => code).filter((code) =>
      cased.test(String.fromCodePoint(code)),
    );
    return this.all;
  },
};

function classesOf(fold: Fold): ReadonlyMap<string, readonly number[]> {
  const classes = new Map<string, number[]>();
  const enter = (folded: string, code: number): void => {
    const all = classes.get(folded) ?? [];
    if (!all.includes(code)) all.push(code);
    classes.set(folded, all);
  };
  for (const code of CASED.codes()) enter(fold(String.fromCodePoint(code)), code);
  return classes;
}

export const PYTHON_CASE = new CaseFolding(pythonFold);
export const ONIGURUMA_CASE = new CaseFolding(fullFold);
