import { LONG_TASKS } from "../tasks.js";
import { checkpointOf, filesOf, quantizedFileOf } from "../weights/files.js";
import type { RandomModel } from "../weights/model.js";
import type { FileType } from "../weights/quantized.js";
import type { Shape } from "./shape.js";

const FILE_TYPES: readonly FileType[] = ["Q4_K_M", "Q8_0"];

/** Tasks on quantised weights. */
const QUANTIZED_TASKS = LONG_TASKS.filter(({ name }) => name !== "decode-8192");

/**
 * A shape of a released model with random weights: in bfloat16, and quantised as llama.cpp does. Only runners that
 * keep weights as they are race on them: the others would need several times the size of the files.
 */
export function randomShapes(name: string, description: string, model: () => RandomModel): Shape[] {
  return [
    {
      name,
      description: `${description}; random weights, bfloat16 on disk.`,
      runners: ["native", "llama.cpp", "transformers", "vllm", "openvino"],
      tasks: LONG_TASKS,
      prepare: () => filesOf(name, model),
    },
    ...FILE_TYPES.map((type) => quantizedShape(name, description, model, type)),
  ];
}

function quantizedShape(name: string, description: string, model: () => RandomModel, type: FileType): Shape {
  return {
    name: `${name}-${type.toLowerCase()}`,
    description: `${description}; random weights, one GGUF file with the formats of llama.cpp's ${type}.`,
    runners: ["native", "llama.cpp", "openvino"],
    tasks: QUANTIZED_TASKS,
    prepare: async () => ({
      folder: null,
      gguf: await quantizedFileOf(name, model, type),
      source: { bits: type === "Q8_0" ? 8 : 4, folder: () => checkpointOf(name, model) },
    }),
  };
}
