/** The import rules of `.dependency-cruiser.cjs` bite: a small tree breaks each of them once, beside good neighbours. */

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../src/run.js";
import { root } from "../src/workspace.js";

const cruiser = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
const biome = join(root, "node_modules/@biomejs/biome/bin/biome");

let tree: string;
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), "mixtape-floors-"));
  for (const file of [".dependency-cruiser.cjs", "tsconfig.base.json", "biome.json"]) {
    copyFileSync(join(root, file), join(tree, file));
  }
  write("package.json", JSON.stringify({ name: "tree", devDependencies: { vitest: "*" } }));
  for (const name of ["vitest", "zod"]) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, main: "index.js" }));
    write(`node_modules/${name}/index.js`, "module.exports = {};");
  }
});
afterEach(() => rmSync(tree, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text);
}

/** A package of the tree. `linked` packages look as they do after a build; others as they do on a clean clone. */
function addPackage(name: string, files: Record<string, string>, dependencies: string[], linked: boolean): void {
  const all = Object.fromEntries(dependencies.map((dependency) => [dependency, "*"]));
  const devDependencies = name === "layers" ? { zod: "*" } : {};
  write(
    `packages/${name}/package.json`,
    JSON.stringify({
      name: `@mixtape/${name}`,
      exports: { ".": "./dist/index.js" },
      imports: { "#files": "./dist/index.js" },
      dependencies: all,
      devDependencies,
    }),
  );
  for (const [path, text] of Object.entries({ "src/index.ts": "export {};", ...files })) {
    write(`packages/${name}/${path}`, text);
  }
  if (!linked) return;
  for (const file of ["index", "secret"]) write(`packages/${name}/dist/${file}.js`, "export {};");
  mkdirSync(join(tree, "node_modules/@mixtape"), { recursive: true });
  symlinkSync(`../../packages/${name}`, join(tree, "node_modules/@mixtape", name));
}

/** Every violation, as `rule file`. */
async function violations(...folders: string[]): Promise<string[]> {
  const args = [cruiser, ...folders, "--config", ".dependency-cruiser.cjs", "--output-type", "json", "--no-progress"];
  const report = await run(process.execPath, args, tree).catch((error: Error) => error.message);
  const json = report.slice(report.indexOf("{\n"), report.lastIndexOf("}") + 1);
  const { summary } = JSON.parse(json) as { summary: { violations: { rule: { name: string }; from: string }[] } };
  return summary.violations.map(({ rule, from }) => `${rule.name} ${from}`).sort();
}

test.each([true, false])("each rule finds what breaks it, and nothing else (packages built: %s)", async (linked) => {
  const add = (name: string, dependencies: string[], files: Record<string, string>) =>
    addPackage(name, files, dependencies, linked);
  add("errors", [], { "test/errors.test.ts": 'import "vitest"; import "../src/index.js";' });
  add("config", ["@mixtape/errors", "@mixtape/safetensors", "zod"], {
    "src/good.ts": 'import "@mixtape/errors"; import "zod";',
    "src/sideways.ts": 'import "@mixtape/safetensors";',
    "src/first.ts": 'import "./second.js"; export type A = 1;',
    "src/second.ts": 'import type { A } from "./first.js"; export type B = A;',
  });
  add("safetensors", ["@mixtape/errors"], {
    "src/file-node.ts": 'import "node:fs";',
    "src/private.ts": 'import "#files";',
    "src/platform/node.ts": 'import "node:fs";',
    "src/file.ts": 'import "node:fs"; import "@mixtape/errors";',
    "src/undeclared.ts": 'import "zod";',
    "src/nowhere.ts": 'import "./gone.js";',
  });
  add("ops", ["@mixtape/errors", "@mixtape/config", "@mixtape/layers", "@mixtape/testing"], {
    "src/upward.ts": 'import { Linear } from "@mixtape/layers"; export default Linear;',
    "src/upward-type.ts": 'import type { Linear } from "@mixtape/layers"; export type L = Linear;',
    "src/upward-dynamic.ts": 'export const later = () => import("@mixtape/layers");',
    "src/tests.ts": 'import "@mixtape/testing";',
    "src/app.ts": 'import "../../../apps/cli/src/main.js";',
    "src/path.ts": 'import "../../config/src/good.js";',
    "src/math/good.ts": 'import "../random/good.js"; import "../errors.js";',
    "src/random/good.ts": "export {};",
    "src/random/upward.ts": 'import "../math/good.js";',
    "src/random/outward.ts": 'import "../path.js";',
    "src/cache/sideways.ts": 'import "../linear/good.js";',
    "src/linear/good.ts": 'import "../math/good.js";',
    "src/errors.ts": "export {};",
    "test/good.test.ts": 'import "@mixtape/testing"; import "vitest"; import "../src/index.js";',
    "test/upward.test.ts": 'import "@mixtape/layers";',
  });
  add("layers", ["@mixtape/ops"], {
    "src/good.ts": 'import "@mixtape/ops";',
    "src/deep.ts": 'import "@mixtape/ops/dist/secret.js";',
    "src/undeclared.ts": 'import "@mixtape/config";',
    "src/development.ts": 'import "zod";',
    "test/good.test.ts": 'import "zod";',
  });
  add("testing", ["@mixtape/layers"], { "src/good.ts": 'import "@mixtape/layers"; import "node:fs";' });
  write("apps/cli/package.json", JSON.stringify({ name: "cli", dependencies: { "@mixtape/testing": "*" } }));
  write("apps/cli/src/main.ts", 'import "@mixtape/testing"; import "node:fs";');

  expect(await violations("packages", "apps")).toEqual(
    [
      "floor-config packages/config/src/sideways.ts",
      "no-circular packages/config/src/first.ts",
      "node-only-in-node-files packages/safetensors/src/file.ts",
      "no-undeclared-dependency packages/safetensors/src/undeclared.ts",
      "no-unknown-import packages/safetensors/src/nowhere.ts",
      "floor-ops packages/ops/src/upward.ts",
      "floor-ops packages/ops/src/upward-type.ts",
      "floor-ops packages/ops/src/upward-dynamic.ts",
      "floor-ops packages/ops/src/tests.ts",
      "floor-ops packages/ops/src/app.ts",
      "no-path-into-another-package packages/ops/src/app.ts",
      "no-path-into-another-package packages/ops/src/path.ts",
      "floor-ops-test packages/ops/test/upward.test.ts",
      "folder-ops-random packages/ops/src/random/upward.ts",
      "folder-ops-random packages/ops/src/random/outward.ts",
      "folder-ops-cache packages/ops/src/cache/sideways.ts",
      "no-unknown-import packages/layers/src/deep.ts",
      "undeclared-in-layers packages/layers/src/undeclared.ts",
      "no-dev-dependency-in-src packages/layers/src/development.ts",
    ].sort(),
  );
});

test("a package without a floor is refused by name", async () => {
  addPackage("attic", {}, [], false);
  await expect(
    run(process.execPath, [cruiser, "packages", "--config", ".dependency-cruiser.cjs"], tree),
  ).rejects.toThrow("expected every package on a floor, got none for attic");
});

test("a folder without a rung is refused by name", async () => {
  addPackage("ops", { "src/attic/good.ts": "export {};" }, [], false);
  await expect(
    run(process.execPath, [cruiser, "packages", "--config", ".dependency-cruiser.cjs"], tree),
  ).rejects.toThrow("expected a rung for every folder of packages/ops/src, got none for attic");
});

test("biome finds a circle too", async () => {
  write(".gitignore", "node_modules/\n");
  write("packages/config/src/first.ts", 'import { b } from "./second.js";\n\nexport const a = b;\n');
  write("packages/config/src/second.ts", 'import { a } from "./first.js";\n\nexport const b = a;\n');
  await expect(run(process.execPath, [biome, "lint", "--vcs-enabled=false", "."], tree)).rejects.toThrow(
    "noImportCycles",
  );
});

test("the diagram in docs/architecture.md shows the floors that the rules have", () => {
  const rules = readFileSync(join(root, ".dependency-cruiser.cjs"), "utf8");
  const floors = JSON.parse(
    /const FLOORS = (\[[\s\S]*?\n\]);/.exec(rules)![1]!.replace(/,\s*\]/g, "]"),
  ) as readonly (readonly string[])[];
  const diagram = /flowchart TB([\s\S]*?)```/.exec(readFileSync(join(root, "docs/architecture.md"), "utf8"))![1]!;
  const drawn = [...diagram.matchAll(/f(\d+)\["?([^\]"]+)"?\]/g)].map(([, floor, names]) => ({
    floor: Number(floor),
    names: names!.split(" · ").sort(),
  }));
  drawn.sort((a, b) => a.floor - b.floor);
  // `testing` stands above all, and is no part of an app.
  expect(drawn.map(({ names }) => names)).toEqual(floors.slice(0, -1).map((names) => [...names].sort()));
});
