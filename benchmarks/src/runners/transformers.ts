import { fileURLToPath } from "node:url";
import { findPython, pythonCommand } from "../peers/python.js";
import { folderOf } from "../shapes/shape.js";
import { sample } from "./child.js";
import type { Answer, Runner } from "./runner.js";

const SCRIPT = fileURLToPath(new URL("../../python/transformers_peer.py", import.meta.url));

/** Options for running transformers. */
export interface TransformersOptions {
  /** Default: one per core. */
  readonly threads?: number;
  /** Candidates, of which the fastest in decoding is used. Default: bfloat16. */
  readonly dtypes?: readonly string[];
}

/** Hugging Face transformers on PyTorch. */
export function transformersOn({ threads, ...options }: TransformersOptions = {}): Runner {
  return {
    name: "transformers",
    peer: true,
    reads: folderOf,
    find: () => findPython(SCRIPT, { threads, ...options }),
    run: (files, tasks) =>
      sample<Answer>(pythonCommand(SCRIPT, { kind: "run", folder: folderOf(files), tasks, ...options }, threads)),
  };
}

export const transformers = transformersOn();
