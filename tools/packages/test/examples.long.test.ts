/** Every example of the READMEs and of the manual runs, and prints what it says. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { codeBlocks, importedPackages, installLine } from "../src/example.js";
import { lines, run } from "../src/run.js";
import { hasNative, manualPages, packages, root } from "../src/workspace.js";

const empty = mkdtempSync(join(tmpdir(), "mixtape-examples-"));
afterAll(() => rmSync(empty, { recursive: true }));

/** Runs an example as a file inside `home`, so that it finds the packages that are installed there. */
async function output(code: string, home: string, name: string, cwd: string): Promise<string[]> {
  const folder = join(home, "node_modules", ".examples");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, code);
  try {
    return lines(await run(process.execPath, [file], cwd));
  } finally {
    rmSync(file);
  }
}

describe.each(packages)("$manifest.name", ({ folder, path, manifest }) => {
  const file = join(path, "README.md");
  const markdown = existsSync(file) ? readFileSync(file, "utf8") : "";
  const [example] = codeBlocks(markdown);

  test("its README has an example that says what it prints", () => {
    expect(markdown, "README.md").not.toBe("");
    expect(example?.prints.length, "the comment lines that close the first ts or js block").toBeGreaterThan(0);
  });

  test.runIf(example && (hasNative || folder !== "native"))("the example prints it", async () => {
    expect(await output(example?.code ?? "", path, "readme", empty)).toEqual(example?.prints);
  });

  test.skipIf(manifest.private)("the README installs what the example imports, and nothing else of ours", () => {
    const installed = installLine(markdown);
    expect(installed[0]).toBe(manifest.name);
    expect(installed.slice(1).filter((name) => name.startsWith("@mixtape/"))).toEqual([]);
    expect(importedPackages(example?.code ?? "").filter((name) => !installed.includes(name))).toEqual([]);
  });
});

describe.each(manualPages())("%s", (page) => {
  const examples = codeBlocks(readFileSync(join(root, page), "utf8")).filter(({ prints }) => prints.length > 0);
  const able = examples.filter(({ code }) => hasNative || !code.includes('"native"'));
  test.skipIf(able.length === 0).each(able)(
    "the example on line $line prints what it says",
    async ({ code, prints, line }) => {
      expect(await output(code, root, `line-${line}`, root)).toEqual(prints);
    },
  );
  test("its links lead somewhere", () => {
    const text = readFileSync(join(root, page), "utf8").replace(/^```.*?^```$/gms, "");
    const targets = [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target ?? "");
    const local = targets.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.filter((target) => !existsSync(join(root, page, "..", target)))).toEqual([]);
  });
});
