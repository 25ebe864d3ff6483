import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.js";
import { qwen330bA3bOf } from "../shapes/qwen3-30b-a3b.js";
import { sampleAfmoe } from "../shapes/sample-afmoe.js";
import { folderOf as checkpointFolderOf } from "../shapes/shape.js";
import { checkpointOf } from "../weights/files.js";
import type { TrainingFiles } from "./answers.js";
import { writeAdapter } from "./native.js";
import type { ModelName, TrainingTask } from "./tasks.js";

/** Returns the checkpoint of a model. Random weights are written if they do not exist yet. */
export async function folderOf(model: ModelName): Promise<string> {
  if (model === "sample-afmoe") return checkpointFolderOf(await sampleAfmoe.prepare());
  return checkpointOf(model, () => qwen330bA3bOf(2));
}

/** Returns the initial files of a task, the same for all trainers. */
export async function trainingFilesOf({ name, model, adapter }: TrainingTask): Promise<TrainingFiles> {
  const folder = await folderOf(model);
  if (adapter === null) return { folder, adapter: null };
  const to = join(cacheFolder("bench"), "adapters-v1", name);
  if (!existsSync(join(to, "adapter_config.json"))) await writeAdapter({ folder, adapter, to });
  return { folder, adapter: to };
}
