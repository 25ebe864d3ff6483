import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Ended } from "@mixtape/command-line/testing";
import { lockFolder } from "@mixtape/safetensors";
import { beforeAll, describe, expect, test } from "vitest";
import { readProfiles } from "../scripts/profiles.js";
import { fails, lossesOf, type Result, SAMPLE, sampleTrain, temporaryFolder, trained, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const STEPS = 20;

const folder = temporaryFolder();
const data = write(
  folder,
  "profiles.jsonl",
  readProfiles()
    .slice(0, 40)
    .map((text) => ({ text })),
);
/** With all that a checkpoint has to bring back: dropout, and texts in an order of their own, several in a row and a step. */
const args = (output: string): string[] => [
  ...["--model", join(folder, "tiny"), "--data", data, "--output", output, "--learning-rate", "2e-3"],
  ...["--max-length", "64", "--batch-size", "2", "--accumulate", "2", "--pack", "--dropout", "0.1"],
  ...["--steps", `${STEPS}`, "--save-every", "5"],
];
/** Sends a signal when a step is told. */
const endedAt = (step: number, signal: NodeJS.Signals, ...flags: string[]): Promise<Ended> =>
  sampleTrain(flags, {
    watch: (child) =>
      child.stderr!.on("data", (line: string) => {
        if (line.includes(`step ${step} of`)) child.kill(signal);
      }),
  });

describe("a run that was interrupted", () => {
  let unbroken: number[];
  beforeAll(async () => {
    await writeTinyModel(join(folder, "tiny"));
    const output = join(folder, "unbroken");
    await trained(...args(output));
    unbroken = lossesOf(output);
    expect(unbroken).toHaveLength(STEPS);
  });

  test("goes on to the losses of an unbroken one", async () => {
    const output = join(folder, "interrupted");
    const ended = await endedAt(3, "SIGINT", ...args(output), "--json");
    expect(ended.code).toBe(130);
    const result = JSON.parse(ended.stdout) as Result;
    expect(result.finishReason).toBe("interrupted");
    expect(result.steps).toBeLessThan(STEPS);
    expect(existsSync(join(output, "adapter_config.json"))).toBe(true);

    expect(await trained("--resume", "--output", output)).toMatchObject({ steps: STEPS, finishReason: "steps" });
    expect(lossesOf(output)).toEqual(unbroken);
  });

  test("while texts that are held out are read has not begun", async () => {
    const output = join(folder, "early");
    const heldOut = write(
      folder,
      "held-out.jsonl",
      readProfiles().map((text) => ({ text })),
    );
    const { code, stdout, stderr } = await sampleTrain([...args(output), "--eval", heldOut], {
      watch: (child) => child.stderr!.once("data", () => child.kill("SIGINT")),
    });
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    expect(stderr).toMatch(/^default: lora .*\nInterrupted\.\n$/);
    expect(existsSync(output)).toBe(false);
  });

  test("goes on where it was saved when it was killed", async () => {
    const output = join(folder, "killed");
    expect((await endedAt(8, "SIGKILL", ...args(output))).code).toBeNull();
    await trained(...args(output), "--resume");
    expect(lossesOf(output)).toEqual(unbroken);
  });
});

test("two runs in one folder: the second is refused with the first one's name", async () => {
  const output = join(folder, "locked");
  const lock = await lockFolder(output, ".run.lock");
  const args = ["--model", SAMPLE, "--data", write(folder, "locked.txt", "It was a fine morning."), "--output", output];
  await fails(1, new RegExp(`locked: expected exclusive access, got process ${process.pid} on `), ...args);
  await lock.release();
});
