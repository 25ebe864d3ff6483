import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseMetrics } from "@mixtape/training";
import { describe, expect, test } from "vitest";
import { readProfiles } from "../scripts/profiles.js";
import {
  type Ended,
  type Result,
  SAMPLE,
  sampleGenerate,
  sampleTrain,
  temporaryFolder,
  trained,
  write,
} from "./command.js";

const folder = temporaryFolder();
const profiles = readProfiles();
const data = write(
  folder,
  "profiles.jsonl",
  profiles.slice(0, 40).map((text) => ({ text })),
);
const heldOut = write(
  folder,
  "held-out.jsonl",
  profiles.slice(40, 44).map((text) => ({ text })),
);
const text = write(folder, "profiles.txt", profiles.slice(0, 12).join("\n\n"));
const SHORT = ["--model", SAMPLE, "--max-length", "64", "--batch-size", "2", "--learning-rate", "2e-3"];

const lossesOf = (output: string): number[] =>
  parseMetrics(readFileSync(join(output, "metrics.jsonl"), "utf8")).map(({ loss }) => loss);
const idsOf = ({ stdout }: Ended): number[] => (JSON.parse(stdout) as { ids: number[] }).ids;

test("LoRA of the sample model on a text, 20 steps: the loss falls, and sample-generate writes otherwise with it", async () => {
  const output = join(folder, "lora");
  const result = await trained(...SHORT, "--data", text, "--eval", heldOut, "--steps", "20", "--output", output);
  expect(result).toMatchObject({ steps: 20, finishReason: "steps", saved: [output] });
  expect(result.evalAfter!.default!).toBeLessThan(result.evalBefore!.default! - 0.1);
  expect(lossesOf(output)).toHaveLength(20);
  expect(readFileSync(join(output, "report.html"), "utf8")).toMatch(/^<!doctype html>/);

  const prompt = ["--model", SAMPLE, "--prompt", "Location:", "--max-new-tokens", "12", "--json"];
  const alone = await sampleGenerate(...prompt);
  const adapted = await sampleGenerate(...prompt, "--adapter", output);
  expect(adapted).toMatchObject({ code: 0, stderr: "" });
  expect(idsOf(adapted)).not.toEqual(idsOf(alone));
});

describe.concurrent("every method trains and is loaded again", () => {
  const args = (method: string) => [
    ...[...SHORT, "--data", data, "--steps", "2", "--method", method],
    ...["--output", join(folder, method)],
  ];
  const prompt = ["--prompt", "Location:", "--max-new-tokens", "2"];

  test.each(["rslora", "dora", "loramoe", "mola", "mixlora", "mixlora-dynamic", "mixlora-switch"])(
    "%s",
    async (method) => {
      expect((await trained(...args(method), "--rank", "2")).steps).toBe(2);
      const ended = await sampleGenerate("--model", SAMPLE, ...prompt, "--adapter", join(folder, method));
      expect(ended).toMatchObject({ code: 0 });
    },
  );

  test("full", async () => {
    expect((await trained(...args("full"), "--pack")).steps).toBe(2);
    expect(await sampleGenerate("--model", join(folder, "full"), ...prompt)).toMatchObject({ code: 0 });
  });
});

test("several adapters at once have the losses that they have alone", async () => {
  const lora = [
    { name: "one", data, r: 4, target_modules: { q_proj: true, o_proj: false }, lr: 1e-3, batch_size: 2 },
    {
      name: "two",
      data: text,
      r: 2,
      target_modules: ["v_proj"],
      use_dora: true,
      lr: 2e-3,
      loraplus_lr_ratio: 4,
      batch_size: 2,
    },
  ];
  const at = (name: string, adapters: readonly object[]): string[] => {
    const config = write(folder, `${name}.json`, JSON.stringify({ cutoff_len: 64, lora: adapters }));
    const output = ["--output", join(folder, name)];
    return ["--model", SAMPLE, "--steps", "4", "--adapters", config, "--precision", "float32", ...output];
  };
  await trained(...at("both", lora));
  const both = parseMetrics(readFileSync(join(folder, "both", "metrics.jsonl"), "utf8"));
  for (const { name } of lora) {
    await trained(
      ...at(
        `alone-${name}`,
        lora.filter((adapter) => adapter.name === name),
      ),
    );
    const alone = parseMetrics(readFileSync(join(folder, `alone-${name}`, "metrics.jsonl"), "utf8"));
    for (const [i, { loss, gradNorm }] of alone.entries()) {
      expect(both[i]!.metrics[`${name}: lmLoss`]).toBeCloseTo(loss, 4);
      // All gradients of an adapter are one vector, those that LoRA+ has learn faster among them.
      expect(both[i]!.gradNorms[name]! / gradNorm).toBeCloseTo(1, 3);
    }
    expect(existsSync(join(folder, "both", name, "adapter_model.safetensors"))).toBe(true);
  }
});

describe.concurrent("a run that was interrupted", () => {
  const args = (output: string): string[] => [
    ...[...SHORT, "--data", data, "--steps", "12", "--save-every", "5"],
    ...["--output", output],
  ];
  /** Sends a signal when a step is told. */
  const endedAt = (step: number, signal: NodeJS.Signals, ...flags: string[]): Promise<Ended> =>
    sampleTrain(flags, (child) => {
      child.stderr!.on("data", (line: string) => {
        if (line.includes(`step ${step} of`)) child.kill(signal);
      });
    });

  test("goes on to the losses of an unbroken one", async () => {
    const [whole, broken] = [join(folder, "whole"), join(folder, "broken")];
    await trained(...args(whole));
    const ended = await endedAt(3, "SIGINT", ...args(broken), "--json");
    expect(ended.code).toBe(130);
    const result = JSON.parse(ended.stdout) as Result;
    expect(result.finishReason).toBe("interrupted");
    expect(result.steps).toBeLessThan(12);
    expect(existsSync(join(broken, "adapter_config.json"))).toBe(true);

    expect(await trained("--resume", "--output", broken)).toMatchObject({ steps: 12, finishReason: "steps" });
    expect(lossesOf(broken)).toEqual(lossesOf(whole));
  });

  test("goes on where it was saved when it was killed", async () => {
    const [whole, killed] = [join(folder, "whole-too"), join(folder, "killed")];
    await trained(...args(whole));
    expect((await endedAt(8, "SIGKILL", ...args(killed))).code).toBeNull();
    await trained(...args(killed), "--resume");
    expect(lossesOf(killed)).toEqual(lossesOf(whole));
  });
});
