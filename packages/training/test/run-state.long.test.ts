/** What is saved of a run, and that it goes on as if it had never stopped. */

import { spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AfmoeForCausalLM } from "@mixtape/afmoe";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { encodeWeight } from "@mixtape/ops";
import { fixture, longTestEngines, onEachEngine, withoutCpu, withoutLeak } from "@mixtape/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CausalLMTask, parseMetrics, type TrainingStep, type TrainOptions, train, unfreeze } from "../src/index.js";
import { MAX_STEPS } from "./support/tiny-run.js";

const CHILD = fileURLToPath(new URL("support/tiny-run.js", import.meta.url));

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "mixtape-training-"));
});
afterAll(() => rm(scratch, { recursive: true }));

describe("a process that is killed", () => {
  test("fifty times, at random, ends with the losses of an unbroken run", async () => {
    // In a process too: this one may have other kernels than the child.
    const whole = join(scratch, "unbroken");
    await killedChild(whole, Infinity, 0);
    const unbroken = await savedLosses(whole);
    const chain = async (name: string): Promise<void> => {
      const folder = join(scratch, name);
      let killed = 0;
      // Each gets a step further, if it gets that far; between two steps there is a checkpoint, at which some die.
      while (killed < 25) if (await killedChild(folder, killed % 3, Math.random() * 12)) killed++;
      await killedChild(folder, Infinity, 0);
      expect(await savedLosses(folder)).toEqual(unbroken);
    };
    await Promise.all([chain("first"), chain("second")]);
    expect(unbroken).toHaveLength(MAX_STEPS);
  });
});

/** Runs a child, and kills it a while after so many steps. @returns whether it was killed before its end */
function killedChild(folder: string, steps: number, delay: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, folder], { stdio: ["ignore", "pipe", "inherit"] });
    let lines = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      lines += chunk.toString().split("\n").length - 1;
      if (lines > steps) setTimeout(() => child.kill("SIGKILL"), delay);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (signal === "SIGKILL") resolve(true);
      else if (code === 0) resolve(false);
      else reject(new Error(`expected the run to end, got exit code ${code}`));
    });
  });
}

async function savedLosses(folder: string): Promise<number[]> {
  return parseMetrics(await readFile(join(folder, "metrics.jsonl"), "utf8")).map(({ loss }) => loss);
}

onEachEngine((engine) => {
  const folderOf = (name: string): string => join(scratch, `${name}-${engine}`);
  const data = {
    batch: (index: number) => {
      const inputIds = [Array.from({ length: 8 }, (_, i) => (index * 5 + i * i * 3) % 97)];
      return { inputIds, labels: inputIds };
    },
  };
  const options = (more: Partial<TrainOptions>): TrainOptions => ({
    maxSteps: 8,
    optimizer: { learningRate: 0.003 },
    ...more,
  });

  /** Trains a fresh AFMoE, its expert biases too, and gives what each step said and what its parameters are then. */
  async function run(more: Partial<TrainOptions>): Promise<{ steps: TrainingStep[]; weights: Float32Array[] }> {
    const model = await AfmoeForCausalLM.fromPretrained(fixture("models/afmoe/basic"));
    unfreeze(model);
    const steps: TrainingStep[] = [];
    const task = new CausalLMTask(model, { expertBiasRate: 0.01, auxLossCoef: 0.01, zLossCoef: 0.001 });
    try {
      for await (const step of train(task, data, options(more))) steps.push(step);
      const weights: Float32Array[] = [];
      for (const [, { weight }] of model.namedParameters())
        weights.push(new Float32Array((await encodeWeight(weight, "F32")).slice().buffer));
      return { steps, weights };
    } finally {
      model.dispose();
    }
  }

  const lossesOf = (steps: readonly TrainingStep[]): number[] => steps.map(({ loss }) => loss);

  test("a run in two parts is the same to the bit, losses, weights and biases", async () => {
    const folder = folderOf("parts");
    await withoutLeak(async () => {
      const whole = await run({});
      const first = await run({ maxSteps: 5, checkpoints: { folder, every: 3 } });
      const second = await run({ checkpoints: { folder, every: 3 } });
      expect(second.steps.map(({ step }) => step)).toEqual([6, 7, 8]);
      expect([...lossesOf(first.steps), ...lossesOf(second.steps)]).toEqual(lossesOf(whole.steps));
      expect(second.weights).toEqual(whole.weights);
    });
    expect((await readdir(folder)).sort()).toEqual([
      "metrics.jsonl",
      "model.safetensors",
      "report.html",
      "training.json",
    ]);
    expect(await savedLosses(folder)).toHaveLength(8);
  });

  test("a signal stops a run, which is saved and goes on", async () => {
    const folder = folderOf("signal");
    const whole = await run({});
    const stop = new AbortController();
    const model = await AfmoeForCausalLM.fromPretrained(fixture("models/afmoe/basic"));
    unfreeze(model);
    const task = new CausalLMTask(model, { expertBiasRate: 0.01, auxLossCoef: 0.01, zLossCoef: 0.001 });
    const stopped = async (): Promise<void> => {
      const more = { checkpoints: { folder, every: 100 }, signal: stop.signal };
      for await (const { step } of train(task, data, options(more))) if (step === 3) stop.abort(new Error("enough"));
    };
    await expect(stopped()).rejects.toThrow("enough");
    model.dispose();
    expect(await savedLosses(folder)).toEqual(lossesOf(whole.steps).slice(0, 3));
    const rest = await run({ checkpoints: { folder, every: 100 } });
    expect(lossesOf(rest.steps)).toEqual(lossesOf(whole.steps).slice(3));
  });

  test("a loss that is no number stops a run, and what was saved stays", async () => {
    const folder = folderOf("nan");
    const model = await MixtralForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
    unfreeze(model);
    await withoutLeak(async () => {
      const fails = async (): Promise<void> => {
        // The jump of the fourth step is so large that the loss of the fifth overflows.
        const optimizer = { learningRate: 0.01, schedule: (step: number) => (step === 3 ? 1e30 : 1) };
        for await (const _ of train(model, data, { maxSteps: 9, optimizer, checkpoints: { folder, every: 2 } }));
      };
      await expect(fails()).rejects.toThrow(/the (loss of step \d|gradients): expected (a )?finite number/);
    });
    expect(await savedLosses(folder)).toHaveLength(4);
    model.dispose();
  });

  test("a run of another model, other settings, or a damaged file is refused, and nothing is changed", async () => {
    const folder = folderOf("parts");
    const model = await MixtralForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
    unfreeze(model);
    const before = [...model.namedParameters()].map(([, { weight }]) => weight);
    const start = async (more: Partial<TrainOptions>, at = folder): Promise<void> => {
      for await (const _ of train(model, data, options({ checkpoints: { folder: at, every: 1 }, ...more })));
    };
    await expect(start({})).rejects.toThrow(
      /expected a run of these parameters, got \d+ that differ, such as weight\./,
    );
    await expect(start({ seed: 4 })).rejects.toThrow("seed: expected 0, as when it was saved, got 4");
    await expect(start({ accumulate: 2 })).rejects.toThrow("accumulate: expected 1, as when it was saved, got 2");
    const damaged = folderOf("damaged");
    await cp(folder, damaged, { recursive: true });
    await writeFile(join(damaged, "training.json"), "{");
    await expect(start({}, damaged)).rejects.toThrow("training.json: expected JSON, got something else");
    expect([...model.namedParameters()].map(([, { weight }]) => weight)).toEqual(before);
    model.dispose();
  });
}, withoutCpu(longTestEngines()));
