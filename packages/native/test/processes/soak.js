/**
 * Decodes so many steps with a tiny model: `node --expose-gc soak.js <steps>`. Prints as JSON what the process holds after
 * half of the steps, and at the end.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv } from "node:process";
import { engine, memory } from "@tensorflow/tfjs-core";
import { held } from "./system.js";
import { TinyModel, useNative, writeTinyModel } from "./tiny-model.js";

const steps = Number(argv[2]);
const folder = mkdtempSync(join(tmpdir(), "mixtape-soak-"));
const path = join(folder, "model.safetensors");
await writeTinyModel(path, 2);
await useNative();

const look = () => {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { numTensors, numDataBuffers } = memory();
  return { ...held(path), numTensors, numDataBuffers, dataIds: engine().backend.numDataIds() };
};

const model = await TinyModel.load(path);
const ids = model.write(1);
/** @type {ReturnType<typeof look>[]} */
const looks = [];
for (let step = 1; step <= steps; step++) {
  ids.push(model.step(/** @type {number} */ (ids.at(-1))));
  if (step === Math.ceil(steps / 2) || step === steps) looks.push(look());
}
model.dispose();
console.log(JSON.stringify({ steps, distinct: new Set(ids).size, after: looks, disposed: look() }));
rmSync(folder, { recursive: true });
