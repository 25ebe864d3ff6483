import { findPython, type PythonPeer, pythonCommand, scriptPath } from "../peers/python.js";
import { sample } from "../runners/child.js";
import type { TrainingAnswer } from "./answers.js";
import { PACE } from "./steps.js";
import type { Trainer } from "./trainer.js";

const PEER: PythonPeer = {
  script: scriptPath("training_peer.py"),
  environment: "venv",
  packages: "torch, transformers and peft",
};

/** transformers and peft on PyTorch. */
export const torch: Trainer = {
  name: "torch",
  peer: true,
  find: () => findPython(PEER),
  // transformers reads GGUF too, but only to decode it.
  canTrain: ({ quantized }) => quantized !== "Q4_K_M",
  train: (task, files) => sample<TrainingAnswer>(pythonCommand(PEER, { kind: "train", task, files, pace: PACE })),
};
