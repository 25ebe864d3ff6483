import { type EngineName, useEngine } from "@mixtape/engine";
import { loadModel } from "@mixtape/mixtape";
import { repeat, timed } from "../child/repeat.js";
import type { KernelMeasure } from "../runners/runner.js";
import { spreadOf } from "../statistics.js";
import { type KernelCase, kernelCases } from "./kernel-cases.js";

/** Minimum duration of a batch, which a clock measures precisely. */
const BATCH_MS = 1;
/** Minimum duration per kernel, short because there are many kernels. */
const LEAST_MS = 250;

/** Times the kernels of a model one by one. */
export async function measureKernels(
  engine: EngineName,
  { model: path, longest }: { model: string; longest: number },
): Promise<KernelMeasure[]> {
  await useEngine(engine);
  const model = await loadModel(path);
  const measures: KernelMeasure[] = [];
  for (const one of await kernelCases(model, longest)) {
    const { name, tokens, bytes, flops } = one;
    measures.push({ name, tokens, bytes, flops, ms: await millisecondsOf(one) });
  }
  return measures;
}

/** The median over batches of calls. */
async function millisecondsOf({ run }: KernelCase): Promise<number> {
  let calls = 0;
  const call = (): void => run(calls++).dispose();
  call();
  const times = Math.ceil(BATCH_MS / (await timed(call)));
  const batch = (): void => {
    for (let i = 0; i < times; i++) call();
  };
  const batches = await repeat(() => timed(batch), LEAST_MS);
  return spreadOf(batches).median / times;
}
