import type { Task } from "../tasks.js";

/** A model to race runners on. A shape is one file beside this one, and a line in `shapes.ts`. */
export interface Shape {
  readonly name: string;
  /** One sentence for the page. */
  readonly description: string;
  /** Names of the suitable runners. */
  readonly runners: readonly string[];
  readonly tasks: readonly Task[];
  /** Finds its files. A shape with random weights writes them first. */
  prepare(): Promise<Files>;
}

/** The same weights in each format; null where a format is not written. At least one is. */
export interface Files {
  /** Folder of its checkpoint in Hugging Face format. */
  readonly folder: string | null;
  readonly gguf: string | null;
  /** Source of a quantised shape's weights, for runners that quantise in a way of their own. */
  readonly source?: { readonly bits: 4 | 8; folder(): Promise<string> };
}

/** Returns the folder of a checkpoint in Hugging Face format, or else the GGUF file: Mixtape loads either. */
export function modelOf({ folder, gguf }: Files): string {
  const path = folder ?? gguf;
  if (path === null) throw new Error("expected files of a model, got none");
  return path;
}

/**
 * Returns the folder of a checkpoint in Hugging Face format.
 * @throws {Error} if there is none
 */
export function folderOf({ folder, gguf }: Files): string {
  if (folder === null) throw new Error(`expected a checkpoint in Hugging Face format beside ${gguf}, got none`);
  return folder;
}

/**
 * Returns the GGUF file.
 * @throws {Error} if there is none
 */
export function ggufOf({ folder, gguf }: Files): string {
  if (gguf === null) throw new Error(`expected a GGUF file beside ${folder}, got none`);
  return gguf;
}
