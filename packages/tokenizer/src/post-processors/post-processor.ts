import type { Fields } from "../fields.js";
import { badValue, isId } from "../fields.js";

/** Tokens of a text, or tokens that a post-processor puts beside them. */
export interface Encoding {
  readonly ids: readonly number[];
  /** Where each token begins and ends in the text; absent where nobody asked. */
  readonly offsets?: Offsets;
}

export interface Offsets {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** The tokens as the model spells them. */
  readonly texts: readonly string[];
}

/** What a post-processor is told besides. */
export interface PostProcessing {
  readonly addSpecialTokens: boolean;
  /** The text that the offsets lie in. */
  readonly text: string;
}

/** Adds special tokens, or changes offsets. As in the reference, one may give several encodings, which the next one gets. */
export type PostProcessor = (encodings: readonly Encoding[], options: PostProcessing) => readonly Encoding[];

/** Tokens that stand for no part of the text: their offsets are (0, 0). */
export function specialTokens(ids: readonly number[], texts: readonly string[], tracked: boolean): Encoding {
  const zeros = ids.map(() => 0);
  return tracked ? { ids, offsets: { starts: zeros, ends: zeros, texts } } : { ids };
}

/** Encodings, one behind the other. */
export function joined(encodings: readonly Encoding[]): Encoding {
  if (encodings.length === 1) return encodings[0] as Encoding;
  const ids = concatenated(encodings.map((encoding) => encoding.ids));
  if (encodings.some(({ offsets }) => offsets === undefined)) return { ids };
  const all = encodings.map(({ offsets }) => offsets as Offsets);
  return {
    ids,
    offsets: {
      starts: concatenated(all.map(({ starts }) => starts)),
      ends: concatenated(all.map(({ ends }) => ends)),
      texts: concatenated(all.map(({ texts }) => texts)),
    },
  };
}

/** Lists, one behind the other: for long ones fifty times as fast as `flatMap`. */
function concatenated<T>(lists: readonly (readonly T[])[]): T[] {
  return ([] as T[]).concat(...lists);
}

/** Reads a token and its id: `["[SEP]", 102]`. */
export function readTokenAndId(fields: Fields, key: string): [token: string, id: number] {
  const value = fields.array(key);
  if (value.length === 2 && typeof value[0] === "string" && isId(value[1])) return [value[0], value[1]];
  throw badValue(fields.at(key), "a token and its id", value);
}
