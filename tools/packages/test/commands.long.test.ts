/** The command lines of the READMEs and of the manual run as they stand there. */

import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSafetensors } from "@mixtape/safetensors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandLines } from "../src/example.js";
import { run } from "../src/run.js";
import { appPages, apps, manualPages, root } from "../src/workspace.js";

const BINS = new Map(
  apps.flatMap(({ path, manifest: { bin = {} } }) =>
    Object.entries(bin).map(([name, file]) => [name, join(path, file)]),
  ),
);

/** Where the commands of a page run, one after the other: the model, and the files that the pages speak of. */
async function scratch(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "mixtape-commands-"));
  symlinkSync(join(root, "models"), join(folder, "models"), "dir");
  writeFileSync(join(folder, "notes.txt"), "The tide was out, and the boats lay on the sand. ".repeat(12));
  const ids = BigInt64Array.of(11n, 22n, 33n, 44n, 55n);
  await writeSafetensors(join(folder, "in.safetensors"), [
    { name: "input_ids", dtype: "I64", shape: [1, 5], bytes: new Uint8Array(ids.buffer) },
  ]);
  return folder;
}

const pages = [...manualPages(), ...appPages()].map((page) => ({
  page,
  commands: commandLines(readFileSync(join(root, page), "utf8")),
}));

test("there are command lines of every app", () => {
  const named = new Set(pages.flatMap(({ commands }) => commands.map(({ command }) => command)));
  expect([...named].sort()).toEqual([...BINS.keys()].sort());
});

describe.each(pages.filter(({ commands }) => commands.length > 0))("$page", ({ commands }) => {
  let folder: string;
  beforeAll(async () => {
    folder = await scratch();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(commands)("line $line: $command", async ({ command, args }) => {
    await run(process.execPath, [BINS.get(command)!, ...args], folder);
  });
});
