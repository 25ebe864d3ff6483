/** Races trainers against each other, in turns. */

import { warmUp } from "../machine/page-cache.js";
import type { TogetherAnswer, TrainingSample } from "./answers.js";
import { folderOf, trainingFilesOf } from "./files.js";
import { trainTogether } from "./native.js";
import type { TogetherTask, TrainingTask } from "./tasks.js";
import type { Trainer } from "./trainer.js";

/** A trainer that works here. */
export interface Found {
  readonly trainer: Trainer;
  readonly description: string;
}

export interface TrainingEntry {
  readonly name: string;
  readonly peer: boolean;
  /** Samples, one per round. */
  readonly samples: readonly TrainingSample[];
}

export interface TrainingResult {
  readonly task: TrainingTask;
  readonly entries: readonly TrainingEntry[];
}

export interface TogetherResult {
  readonly task: TogetherTask;
  /** Samples, one per round. */
  readonly samples: readonly TogetherAnswer[];
}

/** Every trainer trains before the first trains again, and each round starts with another one. */
export async function raceTraining(
  task: TrainingTask,
  field: readonly Found[],
  { rounds, log }: { rounds: number; log: (line: string) => void },
): Promise<TrainingResult> {
  const files = await trainingFilesOf(task);
  const trainers = field.map(({ trainer }) => trainer).filter((trainer) => trainer.canTrain(task));
  const samples = new Map<Trainer, TrainingSample[]>(trainers.map((trainer) => [trainer, []]));
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < trainers.length; i++) {
      const trainer = trainers[(i + round) % trainers.length]!;
      log(`round ${round + 1} of ${rounds}: ${task.name} on ${trainer.name}`);
      await warmUp(files.model);
      samples.get(trainer)!.push(await trainer.train(task, files));
    }
  return {
    task,
    entries: trainers.map((trainer) => ({ name: trainer.name, peer: trainer.peer, samples: samples.get(trainer)! })),
  };
}

/** Measures adapters in one batch against each alone, in processes one after another. */
export async function raceTogether(
  task: TogetherTask,
  { rounds, log }: { rounds: number; log: (line: string) => void },
): Promise<TogetherResult> {
  const folder = await folderOf(task.model);
  const samples: TogetherAnswer[] = [];
  for (let round = 0; round < rounds; round++) {
    log(`round ${round + 1} of ${rounds}: ${task.name}`);
    await warmUp(folder);
    samples.push(await trainTogether({ task, folder }));
  }
  return { task, samples };
}
