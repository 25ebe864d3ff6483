import { existsSync } from "node:fs";
import { join } from "node:path";
import { familyOf } from "@mixtape/mixtape";
import { type TensorToWrite, writeCheckpoint } from "@mixtape/safetensors";
import { cacheFolder } from "../cache-folder.js";
import { sizeOf } from "../weights/model.js";
import { asFloat32, bfloat16Values, type Distribution } from "../weights/values.js";
import { type Cut, configOf } from "./cuts.js";

/** Increases when the bytes of a cut change. */
const VERSION = 1;

/** Returns the folder of a cut with random bfloat16 weights, which is written if it does not exist yet. */
export async function checkpointOf(cut: Cut): Promise<string> {
  const folder = join(cacheFolder("bench"), `cut-${cut.name}-v${VERSION}`);
  // A checkpoint is complete once it has a config: that is written last.
  if (!existsSync(join(folder, "config.json"))) {
    const config = await configOf(cut);
    const files = { "config.json": `${JSON.stringify(config, null, 2)}\n` };
    await writeCheckpoint(folder, randomTensors(config), { files });
  }
  return folder;
}

/** Returns every tensor of a checkpoint with that config, by its name on disk, with random values. */
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

/** A common initialisation, with embeddings as large as the layers' output, so that tokens are routed to all experts. */
function distributionOf(name: string): Distribution {
  if (name.endsWith("norm.weight")) return { mean: 1, deviation: 0.0625 };
  return { mean: 0, deviation: name.endsWith("embed_tokens.weight") ? 1 : 0.02 };
}
