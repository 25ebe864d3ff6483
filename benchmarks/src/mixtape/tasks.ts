import { type EngineName, useEngine } from "@mixtape/engine";
import { generateTokens } from "@mixtape/generation";
import { loadModel } from "@mixtape/mixtape";
import { runTasks } from "../child/run-tasks.js";
import type { Answer } from "../runners/runner.js";
import type { Task } from "../tasks.js";

/** Loads a model and runs tasks with it, as a user's program would. */
export function measureTasks(
  engine: EngineName,
  { model: path, tasks, threads }: { model: string; tasks: readonly Task[]; threads?: number },
): Promise<Answer> {
  return runTasks(tasks, async () => {
    await useEngine(engine, threads === undefined ? {} : { threads });
    const model = await loadModel(path);
    return {
      vocabSize: model.config.vocabSize,
      write: (prompts, { newTokens }) =>
        generateTokens(model, prompts, { maxNewTokens: newTokens, temperature: 0, eosTokenId: null }),
    };
  });
}
