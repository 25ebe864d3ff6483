// The version that a folder holds.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint, readSideFile, toFloat32 } from "@mixtape/safetensors";

/** Returns the version as readers of this project see it. @throws if tensors or the config are of different versions */
export async function versionOf(folder) {
  const config = JSON.parse(new TextDecoder().decode(await readSideFile(folder, "config.json")));
  const source = await openCheckpoint(folder);
  try {
    const found = new Set([config.version]);
    for (const name of ["a", "b", "c", "d"]) {
      for (const value of toFloat32(await source.tensor(name).read(), "F32")) found.add(value);
    }
    if (found.size !== 1) throw new Error(`versions ${[...found].join(", ")} in one folder`);
    return config.version;
  } finally {
    await source.close();
  }
}

/** Returns the version of each file, as a program sees it that only reads the files. @throws for a damaged one */
export function outsideView(folder) {
  const config = configVersion(folder);
  const single = join(folder, "model.safetensors");
  if (existsSync(single)) return { config, weights: versionsIn(readFileSync(single)) };
  const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"));
  const files = [...new Set(Object.values(index.weight_map))];
  return { config, weights: files.flatMap((file) => versionsIn(readFileSync(join(folder, file)))) };
}

/** Returns the version in config.json. */
export function configVersion(folder) {
  return JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).version;
}

function versionsIn(bytes) {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length));
  return Object.values(header).flatMap(({ data_offsets: at }) =>
    at === undefined ? [] : [bytes.readFloatLE(8 + length + at[0]), bytes.readFloatLE(8 + length + at[1] - 4)],
  );
}
