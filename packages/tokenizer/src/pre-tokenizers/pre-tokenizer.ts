import type { AlignedText } from "../text/aligned-text.js";

/** Takes the pieces of a text. */
export type Emit = (piece: AlignedText) => void;

/** Cuts a text into pieces, which it may change. Empty pieces do not count. */
export type PreTokenizer = (text: AlignedText, emit: Emit) => void;
