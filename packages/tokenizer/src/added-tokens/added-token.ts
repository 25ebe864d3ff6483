import { Fields } from "../fields.js";

/** A token that is found in the text before all else. */
export interface AddedToken {
  readonly content: string;
  /** Found only where no word character is beside it. */
  readonly singleWord: boolean;
  /** Takes the white space in front with it. */
  readonly lstrip: boolean;
  /** Takes the white space behind with it. */
  readonly rstrip: boolean;
  /** Looked for in the normalized text, by its normalized content. */
  readonly normalized: boolean;
  /** Left out where special tokens are skipped. */
  readonly special: boolean;
}

/** Reads a token and its options. Those that are left out are as `AddedToken` of Python has them. */
export function readAddedToken(value: unknown, where: string): AddedToken {
  const fields = new Fields(value, where);
  const special = fields.boolean("special", false);
  return {
    content: fields.string("content"),
    singleWord: fields.boolean("single_word", false),
    lstrip: fields.boolean("lstrip", false),
    rstrip: fields.boolean("rstrip", false),
    normalized: fields.boolean("normalized", !special),
    special,
  };
}

/** A token by its text alone, as `AddedToken` of Python has it: special ones are not normalized. */
export function addedToken(content: string, options: Partial<Omit<AddedToken, "content">> = {}): AddedToken {
  const special = options.special ?? false;
  return { content, singleWord: false, lstrip: false, rstrip: false, normalized: !special, ...options, special };
}

/** Whether two tokens are the same in all. */
export function sameToken(a: AddedToken, b: AddedToken): boolean {
  return (
    a.content === b.content &&
    a.singleWord === b.singleWord &&
    a.lstrip === b.lstrip &&
    a.rstrip === b.rstrip &&
    a.normalized === b.normalized &&
    a.special === b.special
  );
}
