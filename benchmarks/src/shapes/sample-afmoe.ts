import { fileURLToPath } from "node:url";
import type { Shape } from "./shape.js";

export const sampleAfmoe: Shape = {
  name: "sample-afmoe",
  description: "The sample model of this repository, bfloat16 on disk.",
  prepare: async () => fileURLToPath(new URL("../../../models/sample-afmoe", import.meta.url)),
};
