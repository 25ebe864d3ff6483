/** `sample-train --task`: what is looked at before a run. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { fails, sampleTrain, temporaryFolder, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const folder = temporaryFolder();
const fine = ["fine", "good", "happy", "bright"];
const poor = ["bad", "sad", "dark", "poor"];
const texts = [...fine, ...poor].flatMap((word) =>
  ["It was a", "The day is"].map((start) => ({
    text: `${start} ${word} morning`,
    label: fine.includes(word) ? "good" : "bad",
  })),
);
const data = write(folder, "texts.jsonl", texts);

let tiny: string;
beforeAll(async () => {
  tiny = await writeTinyModel(join(folder, "tiny"));
});

test("--show-data shows labels and texts, and loads no model", async () => {
  const { stdout } = await sampleTrain([
    "--model",
    tiny,
    "--task",
    "text-classification",
    "--data",
    data,
    "--show-data",
    "1",
  ]);
  expect(stdout).toBe('16 texts; labels bad, good\n\n{"label":1}\nIt was a fine morning\n\n');
});

describe("an error for", () => {
  const base = ["--data", data, "--output", join(folder, "none"), "--task", "text-classification"];

  test("what heads do not have", async () => {
    const refused = (message: RegExp, ...more: string[]) => fails(2, message, "--model", tiny, ...base, ...more);
    await refused(/--pack is for --task text-generation/, "--pack");
    await refused(/--task text-classification is for --method full, lora, rslora and dora/, "--method", "mixlora");
    await refused(/--chat-template is for --task text-generation/, "--chat-template", data);
  });

  test("a row of another task", () =>
    fails(
      1,
      /line 1: expected {"tokens": …|line 1: expected \{"tokens"/,
      "--model",
      tiny,
      "--data",
      data,
      "--task",
      "token-classification",
      "--output",
      join(folder, "none"),
    ));

  test("nothing is left of a run that did not begin", () => {
    expect(existsSync(join(folder, "none", "run.json"))).toBe(false);
  });
});
