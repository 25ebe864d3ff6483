/** `run.json` of earlier versions, whose key `jobs` was `learners`: written by such a version, with `FOLDER` for its folder. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseRun } from "../src/run-file.js";
import { fails, lossesOf, temporaryFolder, trained, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const folder = temporaryFolder();
const EARLIER = readFileSync(new URL("__fixtures__/run-with-learners.json", import.meta.url), "utf8").replaceAll(
  "FOLDER",
  folder,
);
const texts = Array.from({ length: 6 }, (_, i) => ({ text: `It was a fine morning, and the sea was calm ${i}` }));
const data = write(folder, "data.jsonl", texts);
const args = (output: string, ...more: string[]): string[] => [
  ...["--model", join(folder, "tiny"), "--data", data, "--output", join(folder, output), "--max-length", "16"],
  ...["--batch-size", "2", "--schedule", "constant", "--warmup-steps", "0", "--save-every", "1", ...more],
];
const runFile = (output: string): string => readFileSync(join(folder, output, "run.json"), "utf8");

describe("run.json with learners", () => {
  beforeAll(async () => {
    await writeTinyModel(join(folder, "tiny"));
  });

  test("has the settings that a run writes today", async () => {
    await trained(...args("now", "--steps", "2"));
    expect(EARLIER).toContain('"learners": [');
    const run = parseRun(EARLIER, "run.json");
    expect(run).toEqual(parseRun(runFile("now"), "run.json"));
    expect(run.settings.jobs.map(({ name }) => name)).toEqual(["default"]);
  });

  test("of a run before there were tasks is a run of text generation", () => {
    const { settings } = parseRun(EARLIER.replace(/ *"task": "text-generation",\n/, ""), "run.json");
    expect(settings.task).toBe("text-generation");
  });

  test("an error names the key that the file has", () => {
    const where = /^run\.json: settings\.learners\[0\]\.name: expected letters/;
    expect(() => parseRun(EARLIER.replace('"name": "default"', '"name": "../x"'), "run.json")).toThrow(where);
    expect(() => parseRun(EARLIER.replace('"learners": [', '"learners": 5, "others": ['), "run.json")).toThrow(
      "run.json: settings.learners: expected a list, got number",
    );
  });

  test("resumes to the losses of an uninterrupted run, and is written with jobs", async () => {
    await trained(...args("whole", "--steps", "5"));
    await trained(...args("earlier", "--steps", "2"));
    writeFileSync(join(folder, "earlier", "run.json"), EARLIER);
    const other = args("earlier", "--steps", "5", "--learning-rate", "0.1", "--resume");
    await fails(1, /expected the original settings of the run, got different ones: --learning-rate\./, ...other);
    await trained(...args("earlier", "--steps", "5", "--resume"));
    expect(lossesOf(join(folder, "earlier"))).toEqual(lossesOf(join(folder, "whole")));
    expect(runFile("earlier")).toContain('"jobs": [');
    expect(runFile("earlier")).not.toContain("learners");
  });
});
