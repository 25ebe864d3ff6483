/**
 * Each package as its users get it: packed, installed alone into an empty folder, its README example run in plain Node.
 *
 * "Alone" is the README's install line. What it needs from us comes from tarballs, the rest from the registry.
 */

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { codeBlocks, type Example, installLine, toCommonJs } from "../src/example.js";
import { lines, run } from "../src/run.js";
import { published } from "../src/workspace.js";

const tarballs = inject("tarballs");
const nodes = inject("nodes");

describe.concurrent.each(published)("$manifest.name", ({ path, manifest }) => {
  let folder: string;
  let example: Example | undefined;

  beforeAll(async () => {
    const markdown = await readFile(join(path, "README.md"), "utf8");
    [example] = codeBlocks(markdown);
    folder = await mkdtemp(join(tmpdir(), `mixtape-${manifest.name.replace(/\W/g, "-")}-`));
    const asked = installLine(markdown);
    const range = (name: string) => (name in tarballs ? `file:${tarballs[name]}` : "*");
    const ours = Object.keys(tarballs).filter((name) => !asked.includes(name));
    const overrides = Object.fromEntries(ours.map((name) => [name, range(name)]));
    const dependencies = Object.fromEntries(asked.map((name) => [name, range(name)]));
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, dependencies, overrides }));
    await run(
      "npm",
      ["install", "--silent", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"],
      folder,
    );
    await writeFile(join(folder, "example.mjs"), example?.code ?? "");
    await writeFile(join(folder, "example.cjs"), toCommonJs(example?.code ?? ""));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("has its licence, its README and its types", () => {
    const installed = join(folder, "node_modules", manifest.name);
    const missing = ["LICENSE", "README.md", "dist/index.d.ts"].filter((file) => !existsSync(join(installed, file)));
    expect(missing).toEqual([]);
  });

  test.each(Object.entries(nodes))("its example runs in Node %s, imported", async (major, node) => {
    expect(lines(await run(node, ["--version"], folder))).toEqual([expect.stringMatching(`^v${major}\\.`)]);
    expect(lines(await run(node, ["example.mjs"], folder))).toEqual(example?.prints);
  });

  test.each(Object.entries(nodes))("its example runs in Node %s, required", async (_, node) => {
    expect(lines(await run(node, ["example.cjs"], folder))).toEqual(example?.prints);
  });
});
