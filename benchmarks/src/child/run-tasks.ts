import { env } from "node:process";
import { STARTED } from "../runners/child.js";
import type { Answer, Run } from "../runners/runner.js";
import { promptsOf, type Task } from "../tasks.js";
import { repeat } from "./repeat.js";

/** A loaded model: writes tokens after prompts, from an empty cache, and yields each, step by step for all rows. */
export interface Writer {
  readonly vocabSize: number;
  /** Chooses its settings by trials before tasks whose speed is measured, and says which it took. */
  choose?(tasks: readonly Task[]): Promise<string>;
  write(prompts: number[][], task: Task): AsyncIterable<unknown>;
}

/** Loads a model and runs tasks with it, in a process started for this purpose. */
export async function runTasks(tasks: readonly Task[], load: () => Promise<Writer>): Promise<Answer> {
  const writer = await load();
  const loadMs = performance.timeOrigin + performance.now() - Number(env[STARTED]);
  const measured = tasks.filter(({ measures }) => measures !== "start");
  const remark = measured.length > 0 ? await writer.choose?.(measured) : undefined;
  const runs: Record<string, Run[]> = {};
  for (const task of tasks) {
    const run = (): Promise<Run> => runOnce(writer, task);
    runs[task.name] = task.once || task.measures === "start" ? [await run()] : await repeat(run);
  }
  return { loadMs, runs, ...(remark !== undefined && { remark }) };
}

async function runOnce({ vocabSize, write }: Writer, task: Task): Promise<Run> {
  const { rows = 1, newTokens } = task;
  const prompts = promptsOf(task, vocabSize);
  const begin = performance.now();
  let written = 0;
  let firstTokenMs = 0;
  let firstCpu: NodeJS.CpuUsage | undefined;
  for await (const _ of write(prompts, task)) {
    if (++written !== rows) continue;
    firstTokenMs = performance.now() - begin;
    firstCpu = process.cpuUsage();
  }
  const restMs = performance.now() - begin - firstTokenMs;
  if (written !== rows * newTokens) throw new Error(`expected ${rows * newTokens} new tokens, got ${written}`);
  const cpu = process.cpuUsage(firstCpu);
  return { firstTokenMs, restMs, restCpuMs: (cpu.user + cpu.system) / 1000 };
}
