import { initialize } from "@mixtape/decoder";
import { type EngineName, useEngine } from "@mixtape/engine";
import { Linear } from "@mixtape/layers";
import { randomNormal, tidy } from "@tensorflow/tfjs-core";
import { repeat, timed } from "../child/repeat.js";
import type { Products } from "../runners/runner.js";
import { workOf } from "../shapes/work.js";
import { spreadOf } from "../statistics.js";

/** 64 MiB of float32: a larger matrix is not read faster. */
const LARGEST = 4096;
const CUBE = 512;

/** Measures an engine's own matrix products, with matrices stored like a model's. */
export async function measureProducts(engine: EngineName, path: string): Promise<Products> {
  await useEngine(engine);
  const { weights } = await workOf(path);
  const size = Math.min(64 * Math.ceil(Math.sqrt(weights) / 64), LARGEST);
  const bytesPerSecond = (4 * size ** 2) / (await secondsOf(1, size));
  const flopsPerSecond = (2 * CUBE ** 3) / (await secondsOf(CUBE, CUBE));
  return { vector: { size, bytesPerSecond }, matrix: { size: CUBE, flopsPerSecond } };
}

/** Returns the best time of multiplying `rows` rows by a square matrix, since it is a bound. */
async function secondsOf(rows: number, size: number): Promise<number> {
  const matrix = new Linear(size, size);
  await initialize(matrix);
  const x = randomNormal([rows, size]);
  // Several at a time: one may be too short for the clock.
  const times = 10;
  const all = await repeat(() =>
    timed(async () => {
      const last = tidy(() => {
        for (let i = 1; i < times; i++) matrix.forward(x);
        return matrix.forward(x);
      });
      // If products run in the background, this waits for them.
      await last.data();
      last.dispose();
    }),
  );
  x.dispose();
  matrix.dispose();
  return spreadOf(all).min / 1000 / times;
}
