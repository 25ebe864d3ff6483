import { LONG_TASKS } from "../tasks.js";
import { filesOf } from "../weights/files.js";
import type { RandomModel } from "../weights/model.js";
import type { Shape } from "./shape.js";

/**
 * A shape of a released model, with random weights. Only runners that keep weights in bfloat16 race on it: the others
 * would need several times the size of the files.
 */
export function randomShape(name: string, description: string, model: () => RandomModel): Shape {
  return {
    name,
    description: `${description}; random weights, bfloat16 on disk.`,
    runners: ["native", "llama.cpp", "transformers"],
    tasks: LONG_TASKS,
    prepare: () => filesOf(name, model),
  };
}
