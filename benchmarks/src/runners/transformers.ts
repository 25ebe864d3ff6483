import { fileURLToPath } from "node:url";
import { findPython, pythonCommand } from "../peers/python.js";
import { sample } from "./child.js";
import type { Answer, Runner } from "./runner.js";

const SCRIPT = fileURLToPath(new URL("../../python/transformers_peer.py", import.meta.url));

/** Hugging Face transformers on PyTorch. */
export const transformers: Runner = {
  name: "transformers",
  peer: true,
  reads: "folder",
  find: () => findPython(SCRIPT),
  run: ({ folder }, tasks) => sample<Answer>(pythonCommand(SCRIPT, { kind: "run", folder, tasks })),
};
