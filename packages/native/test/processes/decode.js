/**
 * Decodes with a model in a worker: `workerData` is { path, steps, rounds }. Posts the tokens of each round. Of no
 * rounds it posts one, and goes on to compute until it is ended.
 */

import { parentPort, workerData } from "node:worker_threads";
import { TinyModel, useNative } from "./tiny-model.js";

const { path, steps, rounds } = workerData;
await useNative();
for (let round = 0; round < rounds; round++) {
  const model = await TinyModel.load(path);
  parentPort?.postMessage(model.write(steps).join(" "));
  model.dispose();
}
if (rounds === 0) {
  const model = await TinyModel.load(path);
  parentPort?.postMessage(model.write(steps).join(" "));
  // Without a pause: it is ended in the middle of a step.
  for (;;) model.write(steps);
}
