import type { Task } from "../tasks.js";

/** A model that runners are raced on. A shape is one file beside this one, and a line in `shapes.ts`. */
export interface Shape {
  readonly name: string;
  /** One sentence for the page. */
  readonly description: string;
  /** The names of the runners that it suits. */
  readonly runners: readonly string[];
  readonly tasks: readonly Task[];
  /** Finds its files. A shape whose weights are random writes them first. */
  prepare(): Promise<Files>;
}

/** The same weights, for whoever reads which format. */
export interface Files {
  /** The folder of its checkpoint in Hugging Face format. */
  readonly folder: string;
  /** As llama.cpp reads it, where it was written so. */
  readonly gguf: string | null;
}
