import { dropCache } from "../machine/disk.js";
import { load } from "../machine/machine.js";
import { warmUp } from "../machine/page-cache.js";
import { ask } from "../runners/child.js";
import type { Answer, Request } from "./child.js";
import { MemoryLimit } from "./limit.js";
import { setRouting } from "./routing.js";
import type { LargerRunner } from "./runners.js";
import type { LargerTask } from "./tasks.js";
import type { WholeFile } from "./whole-file.js";

/** Measurements of one task. */
export interface TaskResult {
  readonly task: LargerTask;
  /** Memory of the processes; null for no limit. */
  readonly limitBytes: number | null;
  readonly entries: readonly LargerEntry[];
}

/** Measurements of one program, a sample for each process. */
export interface LargerEntry {
  readonly name: string;
  readonly samples: readonly LargerSample[];
  /** Message of the first process that failed; the program is left out from then on. */
  readonly failed?: string;
}

export interface LargerSample extends Answer {
  /** Load average before the process was started. */
  readonly load: number;
}

interface RaceOptions {
  readonly file: WholeFile;
  readonly rounds: number;
  readonly threads: number;
  readonly log: (line: string) => void;
}

/** Runs the programs in turns; each round begins with another. */
export async function raceLarger(
  task: LargerTask,
  runners: readonly LargerRunner[],
  { file, rounds, threads, log }: RaceOptions,
): Promise<TaskResult> {
  await setRouting(file.path, file.model, task.routing);
  const limitBytes = task.memoryShare === null ? null : Math.round(file.bytes * task.memoryShare);
  const request = requestOf(task, file, threads);
  const samples = new Map(runners.map(({ name }) => [name, [] as LargerSample[]]));
  const failed = new Map<string, string>();
  for (let round = 0; round < rounds; round++) {
    const order = runners.map((_, i) => runners[(i + round) % runners.length]!);
    for (const runner of order) {
      if (failed.has(runner.name)) continue;
      log(`${task.name}: ${runner.name}, round ${round + 1} of ${rounds}`);
      try {
        const sample = { load: load(), ...(await run(runner, request, limitBytes)) };
        samples.get(runner.name)!.push(sample);
        log(`  ${summary(sample, task)}`);
      } catch (error) {
        failed.set(
          runner.name,
          String(error instanceof Error ? error.message : error)
            .split("\n", 1)[0]!
            .slice(0, 200),
        );
        log(`  failed: ${failed.get(runner.name)}`);
      }
    }
  }
  const entries = [...samples].map(([name, own]) => {
    const reason = failed.get(name);
    return { name, samples: own, ...(reason !== undefined && { failed: reason }) };
  });
  return { task, limitBytes, entries };
}

/** Without a limit the page cache has the file before; with one it has nothing of it, as its pages count for who read them. */
async function run(runner: LargerRunner, request: Request, limitBytes: number | null): Promise<Answer> {
  const command = runner.command(request);
  if (limitBytes === null) {
    await warmUp(request.gguf);
    return ask<Answer>(command);
  }
  await dropCache(request.gguf);
  using limit = new MemoryLimit(limitBytes);
  return await ask<Answer>(limit.command(command));
}

/** Ids spread over the vocabulary; a seed for each part, so that no token comes twice. */
function requestOf(task: LargerTask, { path, model }: WholeFile, threads: number): Request {
  const ids = (count: number, seed: number): number[] =>
    Array.from({ length: count }, (_, i) => (Math.imul(i + seed, 2_654_435_761) >>> 0) % model.config.vocab_size);
  return {
    gguf: path,
    threads,
    prompt: ids(32, 1),
    tokens: ids(task.warmUpSteps + task.steps, 1000),
    prefill: ids(512, 2000),
    prefills: task.prefills,
  };
}

/** Figures of a sample. */
export function figuresOf(sample: LargerSample, task: LargerTask) {
  const steps = sample.stepMs.slice(task.warmUpSteps);
  const read = sample.readBytes;
  const sum = steps.reduce((total, ms) => total + ms, 0);
  return {
    firstTokenMs: sample.firstTokenMs,
    /** Over all steps that count, since some wait for the disk longer than others. */
    tokensPerSecond: (1000 * steps.length) / sum,
    readBytesPerToken: (read.at(-1)! - (read[task.warmUpSteps - 1] ?? 0)) / steps.length,
    prefillPerSecond: Math.max(0, ...sample.prefillMs.map((ms) => (512 * 1000) / ms)),
    anonymousBytes: sample.anonymousBytes,
  };
}

function summary(sample: LargerSample, task: LargerTask): string {
  const { tokensPerSecond, readBytesPerToken, prefillPerSecond, anonymousBytes } = figuresOf(sample, task);
  return [
    `load ${(sample.loadMs / 1000).toFixed(2)} s`,
    `first token ${(sample.firstTokenMs / 1000).toFixed(2)} s`,
    `decode ${tokensPerSecond.toFixed(2)} tokens/s`,
    `${(readBytesPerToken / 1e6).toFixed(0)} MB read per token`,
    `prefill ${prefillPerSecond.toFixed(1)} tokens/s`,
    `${(anonymousBytes / 1e6).toFixed(0)} MB anonymous`,
    `load average ${sample.load.toFixed(1)}`,
  ].join(", ");
}
