import { existsSync } from "node:fs";
import { join } from "node:path";
import { familyOf } from "@mixtape/mixtape";
import { type TensorToWrite, writeCheckpoint } from "@mixtape/safetensors";
import { cacheFolder } from "../cache-folder.js";
import { sizeOf } from "../weights/model.js";
import { asFloat32, bfloat16Values, type Distribution } from "../weights/values.js";
import { type Cut, configOf } from "./cuts.js";

/** Counts up when the same cut gets other bytes. */
const VERSION = 1;

/** The folder of a cut with random weights, bfloat16, written where it is not there yet. */
export async function checkpointOf(cut: Cut): Promise<string> {
  const folder = join(cacheFolder("bench"), `cut-${cut.name}-v${VERSION}`);
  // A checkpoint is complete when its config is there: that is written last.
  if (!existsSync(join(folder, "config.json"))) {
    const config = await configOf(cut);
    const files = { "config.json": `${JSON.stringify(config, null, 2)}\n` };
    await writeCheckpoint(folder, randomTensors(config), { files });
  }
  return folder;
}

/** Every tensor that a checkpoint of that config has, by its name on disk, with random values. */
export function randomTensors(config: Readonly<Record<string, unknown>>): TensorToWrite[] {
  const Family = familyOf(config.model_type, "a cut");
  // Parameters have a shape before they have values.
  const model = new Family(Family.family.config.parse(config));
  return [...model.tensorsToWrite("BF16")].map(({ name, dtype, shape }) => ({
    name,
    dtype,
    shape,
    bytes: () => {
      const values = bfloat16Values(name, sizeOf(shape), distributionOf(name));
      return dtype === "F32" ? asFloat32(values) : values;
    },
  }));
}

/** Of a usual initialisation, and tokens as large as what layers add to them, so that they are routed to all experts. */
function distributionOf(name: string): Distribution {
  if (name.endsWith("norm.weight")) return { mean: 1, deviation: 0.0625 };
  return { mean: 0, deviation: name.endsWith("embed_tokens.weight") ? 1 : 0.02 };
}
