import { fileURLToPath } from "node:url";
import { findPython, pythonCommand } from "../peers/python.js";
import { sample } from "../runners/child.js";
import type { TrainingAnswer } from "./answers.js";
import { PACE } from "./steps.js";
import type { Trainer } from "./trainer.js";

const SCRIPT = fileURLToPath(new URL("../../python/training_peer.py", import.meta.url));

/** transformers and peft on PyTorch. */
export const torch: Trainer = {
  name: "torch",
  peer: true,
  find: () => findPython(SCRIPT),
  // transformers reads GGUF too, but only to decode it.
  canTrain: ({ quantized }) => quantized !== "Q4_K_M",
  train: (task, files) => sample<TrainingAnswer>(pythonCommand(SCRIPT, { kind: "train", task, files, pace: PACE })),
};
