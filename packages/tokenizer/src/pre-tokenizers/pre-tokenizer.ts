import type { AlignedText } from "../text/aligned-text.js";

/** Receives the pieces of a text. */
export type Emit = (piece: AlignedText) => void;

/** Splits a text into pieces, which it may change. Empty pieces are ignored. */
export type PreTokenizer = (text: AlignedText, emit: Emit) => void;
