import { resourceUsage } from "node:process";
import { type EngineName, useEngine } from "@mixtape/engine";
import { generateTokens } from "@mixtape/generation";
import { type CausalLM, loadModel } from "@mixtape/mixtape";
import type { Sample } from "../runners/runner.js";
import { promptOf, type Task } from "../tasks.js";
import { repeat } from "./repeat.js";

/** Loads a model and does a task with it, as a user's program would. */
export async function measureTask(
  engine: EngineName,
  { folder, task }: { folder: string; task: Task },
): Promise<Sample> {
  const begin = performance.now();
  await useEngine(engine);
  const model = await loadModel(folder);
  const loadMs = performance.now() - begin;
  const prompt = promptOf(task, model.config.vocabSize);
  const runs = await repeat(() => generate(model, prompt, task.newTokens));
  // Kibibytes on every platform.
  return { loadMs, runs, peakRssBytes: resourceUsage().maxRSS * 1024 };
}

async function generate(model: CausalLM, prompt: number[], maxNewTokens: number): Promise<Sample["runs"][number]> {
  const options = { maxNewTokens, temperature: 0, eosTokenId: null };
  const begin = performance.now();
  let firstTokenMs: number | undefined;
  for await (const _ of generateTokens(model, [prompt], options)) firstTokenMs ??= performance.now() - begin;
  if (firstTokenMs === undefined) throw new Error("expected new tokens, got none");
  return { firstTokenMs, restMs: performance.now() - begin - firstTokenMs };
}
