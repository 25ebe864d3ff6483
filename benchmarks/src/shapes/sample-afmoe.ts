import { fileURLToPath } from "node:url";
import { SHORT_TASKS } from "../tasks.js";
import type { Shape } from "./shape.js";

export const sampleAfmoe: Shape = {
  name: "sample-afmoe",
  description: "The sample model of this repository, bfloat16 on disk.",
  runners: ["cpu", "wasm", "tensorflow", "native"],
  tasks: SHORT_TASKS,
  prepare: async () => ({
    folder: fileURLToPath(new URL("../../../models/sample-afmoe", import.meta.url)),
    gguf: null,
  }),
};
