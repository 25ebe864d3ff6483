/** `npm run train:sample`, with fewer steps. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "@mixtape/command-line/testing";
import { expect, test } from "vitest";
import { lossesOf, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const readme = readFileSync(here("../README.md"), "utf8");

test("the sample model learns profiles of countries, and writes about one that it was not shown", async () => {
  const output = join(folder, "run");
  const ended = await start(here("../scripts/train-sample.js"), ["--", "--steps", "3", "--output", output]);
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/Before:.*Training:.*After:/s) });

  const texts = (name: string): string[] =>
    readFileSync(join(output, name), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { text: string }).text);
  const [learnt, heldOut] = [texts("train.jsonl"), texts("held-out.jsonl")];
  const country = /^(.+)\nLocation:/m.exec(readme)![1]!;
  expect(learnt.some((text) => text.startsWith(`<|endoftext|>${country}\n`))).toBe(false);
  expect(heldOut.some((text) => text.startsWith(`<|endoftext|>${country}\n`))).toBe(true);
  expect(ended.stdout).toContain(`${learnt.length} profiles of countries to learn, ${heldOut.length} held out\n`);
  expect(readme.replace(/\s+/g, " ")).toContain(
    `is trained on ${learnt.length} of them for 100 steps; ${heldOut.length} are held out`,
  );

  const [, before, after] = /held out +([\d.]+) before, ([\d.]+) after/.exec(ended.stdout)!.map(Number);
  const told = /^\| ([\d.]+) \| ([\d.]+) \|$/m.exec(readme)!.map(Number);
  // What it was before does not depend on the number of steps.
  expect(before).toBeCloseTo(told[1]!, 1);
  expect(after!).toBeLessThan(before!);
  expect(lossesOf(join(output, "adapter"))).toHaveLength(3);
  expect(readdirSync(join(output, "adapter"))).toContain("adapter_model.safetensors");
});
