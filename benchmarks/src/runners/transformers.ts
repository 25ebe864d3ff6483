import { findPython, type PythonPeer, pythonCommand, scriptPath } from "../peers/python.js";
import { folderOf } from "../shapes/shape.js";
import { sample } from "./child.js";
import type { Answer, Runner } from "./runner.js";

const PEER: PythonPeer = {
  script: scriptPath("transformers_peer.py"),
  environment: "venv",
  packages: "torch and transformers",
};

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
    find: () => findPython(PEER, { threads, ...options }),
    run: (files, tasks) =>
      sample<Answer>(pythonCommand(PEER, { kind: "run", folder: folderOf(files), tasks, ...options }, threads)),
  };
}

export const transformers = transformersOn();
