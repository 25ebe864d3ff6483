import { Fields } from "../fields.js";

/** A token that is matched in the text before tokenization. */
export interface AddedToken {
  readonly content: string;
  /** Matches only without an adjacent word character. */
  readonly singleWord: boolean;
  /** Includes the white space before it. */
  readonly lstrip: boolean;
  /** Includes the white space after it. */
  readonly rstrip: boolean;
  /** Is matched in the normalized text, by its normalized content. */
  readonly normalized: boolean;
  /** Is omitted when special tokens are skipped. */
  readonly special: boolean;
}

/** Reads a token and its options. Omitted options have the defaults of Python's `AddedToken`. */
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

/** Creates a token from its text alone, as Python's `AddedToken` does: special ones are not normalized. */
export function addedToken(content: string, options: Partial<Omit<AddedToken, "content">> = {}): AddedToken {
  const special = options.special ?? false;
  return { content, singleWord: false, lstrip: false, rstrip: false, normalized: !special, ...options, special };
}

/** Whether two tokens are equal in all fields. */
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
