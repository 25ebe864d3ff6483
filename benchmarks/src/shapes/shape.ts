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

/** The same weights in each format. */
export interface Files {
  /** Folder of its checkpoint in Hugging Face format. */
  readonly folder: string;
  /** File for llama.cpp, if it was written. */
  readonly gguf: string | null;
}
