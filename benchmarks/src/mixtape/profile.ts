import { summarize } from "@mixtape/decoder";
import { type EngineName, useEngine } from "@mixtape/engine";
import { loadModel } from "@mixtape/mixtape";
import { timed } from "../child/repeat.js";
import type { Counts, StepProfile } from "../runners/runner.js";
import { spreadOf } from "../statistics.js";
import { promptOf } from "../tasks.js";
import { type DecodeStep, decodeOne, kernelsOf, prefill, type StepKernel, watchDecodeStep } from "./decode-step.js";

const CONTEXT = 512;
const WARM_UP_STEPS = 50;
const STEPS = 50;

/** Counts and times the kernels of decode steps. */
export async function measureProfile(engine: EngineName, path: string): Promise<StepProfile> {
  await useEngine(engine);
  const model = await loadModel(path);
  const prompt = promptOf({ promptTokens: CONTEXT }, model.config.vocabSize);
  const cache = model.createCache();
  prefill(model, cache, prompt);
  const step = (i: number): Promise<void> => decodeOne(model, cache, prompt[i % CONTEXT]!);
  const stepMs: number[] = [];
  const generatedMs: number[] = [];
  const kernels: (readonly StepKernel[])[] = [];
  // In turns, so that all run on the machine in the same state.
  for (let i = 0; i < WARM_UP_STEPS + STEPS; i++) {
    stepMs.push(await timed(() => step(i)));
    generatedMs.push(await timed(() => decodeOne(model, cache, prompt[i % CONTEXT]!, { captureGraph: true })));
    kernels.push(await kernelsOf(() => step(i)));
  }
  // At the end: instrumented modules are not optimised as well as before.
  const watched = await watchDecodeStep(model, cache, prompt[0]!);
  cache.dispose();
  return {
    context: CONTEXT,
    expertsPerToken: summarize(model).experts.perToken,
    ...countsOf(watched),
    stepMs: spreadOf(stepMs.slice(WARM_UP_STEPS)).median,
    generatedMs: spreadOf(generatedMs.slice(WARM_UP_STEPS)).median,
    kernelMs: medianTimes(kernels.slice(WARM_UP_STEPS)),
  };
}

type CountNames = "kernels" | "moeLayers" | "moeLayer" | "moeBlock" | "readBacks";

function countsOf({ kernels, readBacks, layers }: DecodeStep): Pick<StepProfile, CountNames> {
  const withMoe = layers.filter(({ moe }) => moe !== null);
  const fullest = withMoe.reduce((a, b) => (b.kernels.length > a.kernels.length ? b : a));
  return {
    kernels: countByName(kernels),
    moeLayers: withMoe.length,
    moeLayer: countByName(fullest.kernels),
    moeBlock: countByName(fullest.moe!.kernels),
    readBacks: {
      total: readBacks,
      mostInALayer: Math.max(...layers.map((layer) => layer.readBacks)),
      mostInKernelsOfALayer: Math.max(...layers.map((layer) => layer.readsInKernels)),
    },
  };
}

function countByName(kernels: readonly StepKernel[]): Counts {
  const counts: Record<string, number> = {};
  for (const { name } of kernels) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Returns the median over the steps of the total time of each kernel name. */
function medianTimes(steps: readonly (readonly StepKernel[])[]): Record<string, number> {
  const names = [...new Set(steps.flat().map(({ name }) => name))];
  const sumOf = (step: readonly StepKernel[], wanted: string): number =>
    step.reduce((sum, { name, ms }) => (name === wanted ? sum + ms : sum), 0);
  return Object.fromEntries(names.map((name) => [name, spreadOf(steps.map((step) => sumOf(step, name))).median]));
}
