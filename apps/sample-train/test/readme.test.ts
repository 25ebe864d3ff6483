/** What the README shows of files is so. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, trained, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const folder = temporaryFolder();
/** The cells of a column of the table under a heading. */
const column = (heading: string, index: number): string[] => {
  const section = readme.slice(readme.indexOf(`## ${heading}\n`)).split("\n## ")[0]!;
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(1).map((row) => row.split(" | ")[index]!.replace(/^\| /, ""));
};
const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);

let model: string;
beforeAll(async () => {
  model = await writeTinyModel(join(folder, "tiny"));
});
const train = (output: string, ...flags: string[]) =>
  trained("--model", model, "--output", join(folder, output), "--max-length", "32", "--steps", "1", ...flags);

describe("README.md", () => {
  test("the lines of data that it shows are read, and there is nothing in the output folder but what it lists", async () => {
    const lines = column("Data", 0).flatMap(quoted);
    expect(lines).toHaveLength(4);
    const data = write(folder, "lines.jsonl", `${lines.join("\n").replaceAll("…", "It was a fine morning.")}\n`);
    await train("out", "--data", data);
    const listed = column("Output folder", 0).flatMap(quoted);
    expect(readdirSync(join(folder, "out")).sort()).toEqual(listed.map((name) => name.replace(/\/$/, "")).sort());
  });

  test("its labelled rows are learnt, each by its task", async () => {
    const [tasks, rows] = [column("Labelled texts", 0).flatMap(quoted), column("Labelled texts", 1).flatMap(quoted)];
    expect(rows).toHaveLength(5);
    for (const [i, row] of rows.entries()) {
      // A class alone is none.
      const other = row.replace('"good"', '"bad"').replace('"mood"', '"place"');
      const data = write(folder, `labelled-${i}.jsonl`, `${row}\n${other}\n`);
      expect((await train(`labelled-${i}`, "--data", data, "--task", tasks[i]!)).steps).toBe(1);
    }
  });

  test("its file of several adapters trains them", async () => {
    const file = /```json\n(.*?)```/s.exec(readme)![1]!;
    for (const name of ["one.jsonl", "two.jsonl"]) write(folder, name, [{ text: "It was a fine morning." }]);
    const { saved } = await train("several", "--adapters", write(folder, "adapters.json", file));
    expect(saved).toEqual(["one", "two"].map((name) => join(folder, "several", name)));
    expect(readdirSync(saved[1]!).sort()).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
  });
});
