import type { Fields } from "../fields.js";
import { badValue, isId } from "../fields.js";

/** Tokens of a text, or special tokens that a post-processor adds. */
export interface Encoding {
  readonly ids: readonly number[];
  /** Start and end of each token in the text; absent if offsets were not requested. */
  readonly offsets?: Offsets;
}

export interface Offsets {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** Tokens as the model spells them. */
  readonly texts: readonly string[];
}

/** Further inputs of a post-processor. */
export interface PostProcessing {
  readonly addSpecialTokens: boolean;
  /** The text that the offsets refer to. */
  readonly text: string;
}

/**
 * Adds special tokens, or changes offsets. As in the reference, one may return several encodings, which the next one
 * receives.
 */
export type PostProcessor = (encodings: readonly Encoding[], options: PostProcessing) => readonly Encoding[];

/** Creates tokens that belong to no part of the text: their offsets are (0, 0). */
export function specialTokens(ids: readonly number[], texts: readonly string[], tracked: boolean): Encoding {
  const zeros = ids.map(() => 0);
  return tracked ? { ids, offsets: { starts: zeros, ends: zeros, texts } } : { ids };
}

/** Concatenates encodings. */
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

/** Concatenates lists: for long ones fifty times as fast as `flatMap`. */
function concatenated<T>(lists: readonly (readonly T[])[]): T[] {
  return ([] as T[]).concat(...lists);
}

/** Reads a token and its id: `["[SEP]", 102]`. */
export function readTokenAndId(fields: Fields, key: string): [token: string, id: number] {
  const value = fields.array(key);
  if (value.length === 2 && typeof value[0] === "string" && isId(value[1])) return [value[0], value[1]];
  throw badValue(fields.at(key), "a token and its id", value);
}
