import type { Fields } from "../fields.js";
import type { AlignedText } from "../text/aligned-text.js";

/** Changes a text in place. */
export type Normalizer = (text: AlignedText) => void;

/** Creates a normalizer from its fields in `tokenizer.json`. */
export type ReadNormalizer = (fields: Fields) => Normalizer;
