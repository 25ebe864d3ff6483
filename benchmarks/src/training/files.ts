import { existsSync } from "node:fs";
import { join } from "node:path";
import { quantizeModel } from "@mixtape/mixtape";
import { cacheFolder } from "../cache-folder.js";
import { log } from "../command.js";
import { qwen330bA3bOf } from "../shapes/qwen3-30b-a3b.js";
import { sampleAfmoe } from "../shapes/sample-afmoe.js";
import { folderOf as checkpointFolderOf } from "../shapes/shape.js";
import { baseOf, checkpointOf, quantizedFileOf } from "../weights/files.js";
import type { RandomModel } from "../weights/model.js";
import type { TrainingFiles } from "./answers.js";
import { writeAdapter } from "./native.js";
import type { ModelName, QuantizedFormat, TrainingTask } from "./tasks.js";

/** Increases when {@link quantizeModel} writes other bytes. */
const INT4_VERSION = 1;

const qwen3 = (): RandomModel => qwen330bA3bOf(2);

/** Returns the checkpoint of a model. Random weights are written if they do not exist yet. */
export async function folderOf(model: ModelName): Promise<string> {
  if (model === "sample-afmoe") return checkpointFolderOf(await sampleAfmoe.prepare());
  return checkpointOf(model, qwen3);
}

/** Returns the initial files of a task, the same for all trainers. */
export async function trainingFilesOf({ name, model, quantized, adapter }: TrainingTask): Promise<TrainingFiles> {
  const path = await modelOf(model, quantized);
  if (adapter === null) return { model: path, adapter: null };
  const to = join(cacheFolder("bench"), "adapters-v1", name);
  if (!existsSync(join(to, "adapter_config.json"))) await writeAdapter({ model: path, adapter, to });
  return { model: path, adapter: to };
}

async function modelOf(model: ModelName, quantized: QuantizedFormat | undefined): Promise<string> {
  switch (quantized) {
    case undefined:
      return folderOf(model);
    case "int4":
      return int4Of(model);
    case "Q4_K_M":
      return quantizedFileOf(model, qwen3, quantized);
  }
}

async function int4Of(model: ModelName): Promise<string> {
  const to = join(baseOf(model), `int4-v${INT4_VERSION}`);
  if (existsSync(join(to, "config.json"))) return to;
  log(`quantising ${model} to int4: ${to}`);
  await quantizeModel(await folderOf(model), to, { quantize: "int4" });
  return to;
}
