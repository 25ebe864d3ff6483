import { fileURLToPath } from "node:url";
import { ask, type Command, sample } from "../runners/child.js";
import type { Found } from "../runners/runner.js";
import type { TogetherAnswer, TrainingAnswer, TrainingRequest } from "./answers.js";
import { PACE } from "./steps.js";
import type { Trainer } from "./trainer.js";

const CHILD = fileURLToPath(new URL("./child.js", import.meta.url));

/** Mixtape on its native engine. */
export const native: Trainer = {
  name: "native",
  peer: false,
  find: () => ask<Found>(command({ kind: "find" })),
  canTrain: () => true,
  train: (task, files) => sample<TrainingAnswer>(command({ kind: "train", task, files, pace: PACE })),
};

/** Measures steps of adapters in one batch, and of each alone. */
export function trainTogether(
  request: Omit<TrainingRequest & { kind: "together" }, "kind" | "pace">,
): Promise<TogetherAnswer> {
  return ask<TogetherAnswer>(command({ kind: "together", ...request, pace: PACE }));
}

/** Writes an initial adapter. */
export async function writeAdapter(request: Omit<TrainingRequest & { kind: "adapter" }, "kind">): Promise<void> {
  await ask(command({ kind: "adapter", ...request }));
}

function command(request: TrainingRequest): Command {
  return { file: process.execPath, args: [CHILD, JSON.stringify(request)] };
}
