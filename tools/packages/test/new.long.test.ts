/** `npm run new` in a copy of the workspace: what it writes is found, compiles, and passes the suite before anyone edits it. */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeBlocks } from "../src/example.js";
import { lines, run } from "../src/run.js";
import { root } from "../src/workspace.js";

const tool = join(root, "tools/new/main.js");
const tsgo = join(root, "tools/typescript/tsgo.js");
const bin = (path: string) => join(root, "node_modules", path);

/** What the tool reads and edits; the other packages are only linked. */
const COPIED = [
  ".changeset",
  ".dependency-cruiser.cjs",
  "README.md",
  "biome.json",
  "docs/architecture.md",
  "examples/variants",
  "package.json",
  "packages/mixtape",
  "tools/first-engine.js",
  "tools/packages/package.json",
  "tsconfig.base.json",
  "tsconfig.json",
  "vitest.config.ts",
];

let tree: string;
const node = (...args: string[]) => run(process.execPath, args, tree);
const add = (...args: string[]) => node(tool, ...args, "--root", tree);
const read = (path: string) => readFileSync(join(tree, path), "utf8");

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), "mixtape-new-"));
  for (const path of COPIED) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    cpSync(join(root, path), join(tree, path), {
      recursive: true,
      filter: (from) => !/node_modules|\.turbo/.test(from),
    });
  }
  const link = (folder: string, from = join(root, folder)) => {
    mkdirSync(join(tree, folder), { recursive: true });
    for (const name of readdirSync(from))
      if (!existsSync(join(tree, folder, name))) symlinkSync(join(from, name), join(tree, folder, name));
  };
  link("packages");
  link("apps");
  link("examples");
  link("tools");
  symlinkSync(join(root, "benchmarks"), join(tree, "benchmarks"));
  link("node_modules/@mixtape");
  for (const name of ["my-moe", "lonely", "sparse-moe", "latent-moe"])
    symlinkSync(join(tree, "packages", name), join(tree, "node_modules/@mixtape", name));
  link("node_modules");
});
afterAll(() => rmSync(tree, { recursive: true }));

const suite = (folder: string, ...names: string[]) =>
  run(
    "env",
    ["MIXTAPE_TEST_ENGINES=wasm", "NO_COLOR=1", process.execPath, bin("vitest/vitest.mjs"), "run", ...names],
    join(tree, folder),
  );

describe.each([
  ["my-moe", "MyMoe", []],
  // One word, spelt alike everywhere, as a copy of one word.
  ["lonely", "Lonely", ["--like", "mixtral"]],
  // Ids and widths whose defaults are too large for a small model.
  ["sparse-moe", "SparseMoe", ["--like", "olmoe"]],
  ["latent-moe", "LatentMoe", ["--like", "deepseek-v3"]],
] as const)("the family %s", (name, pascal, options) => {
  beforeAll(async () => {
    const said = await add("family", name, ...options);
    expect(said).toContain(`npm test -- --filter=@mixtape/${name}`);
    await node(tsgo, "-b", `packages/${name}`);
  });

  test("stands in every list", () => {
    expect(read("packages/mixtape/src/families.ts")).toMatch(
      new RegExp(`import \\{[^}]*\\b${pascal}ForCausalLM\\b[^}]*\\} from "@mixtape/${name}";`),
    );
    for (const list of ["tsconfig.json", "README.md", "docs/architecture.md"]) expect(read(list)).toContain(name);
    for (const manifest of ["tools/packages", "packages/mixtape"])
      expect(read(`${manifest}/package.json`)).toContain(`"@mixtape/${name}": "^0.0.0"`);
    const rules = read(".dependency-cruiser.cjs");
    const floor = /^ {2}(\[[^\]]*"afmoe"[^\]]*\]),$/m.exec(rules)![1]!.replace(/,\s*\]/, "]");
    expect(/f\d\["([^"]*afmoe[^"]*)"\]/.exec(read("docs/architecture.md"))![1]!.split(" · ")).toEqual(
      JSON.parse(floor),
    );
    expect(/const FAMILIES = (\[[^\]]*\]);/.exec(rules)![1]).toContain(`"${name}"`);
  });

  test("says nothing of the one that it was copied from, but that it is a copy", () => {
    for (const file of readdirSync(join(tree, "packages", name, "src")))
      expect(read(`packages/${name}/src/${file}`)).not.toMatch(/qwen3-?moe|mixtral|arxiv/i);
    expect(read(`packages/${name}/src/config.ts`)).toContain(`modelType: "${name.replace("-", "_")}"`);
  });

  test("compiles, with its test and with the registry that has it, and imports only what it may", async () => {
    await node(tsgo, "-p", `packages/${name}/tsconfig.test.json`);
    await node(tsgo, "-p", "packages/mixtape/tsconfig.json", "--noEmit", "--composite", "false");
    await node(
      bin("@biomejs/biome/bin/biome"),
      "check",
      "--vcs-enabled=false",
      `packages/${name}/src`,
      `packages/${name}/test`,
      "packages/mixtape/src",
    );
    await node(
      bin("dependency-cruiser/bin/dependency-cruise.mjs"),
      `packages/${name}`,
      "--config",
      ".dependency-cruiser.cjs",
    );
  });

  test("passes the conformance suite", async () => {
    expect(await suite(`packages/${name}`)).toMatch(/Tests +\d\d passed/);
  });

  test("its README's example prints what it says", async () => {
    const [example] = codeBlocks(read(`packages/${name}/README.md`));
    const code = `${example!.code}\n`;
    expect(lines(await node("--input-type=module", "--eval", code))).toEqual(example!.prints);
  });
});

test("a variant is a file, and a test that passes", async () => {
  await add("variant", "loud-mixtral");
  expect(read("examples/variants/src/loud-mixtral.ts")).toContain('modelType: "loud-mixtral"');
  await node(tsgo, "-p", "examples/variants/tsconfig.json");
  expect(await suite("examples/variants", "loud-mixtral", "registry")).toMatch(/Tests +\d\d passed/);
});

test.each([
  [
    ["family", "MyMoe"],
    'name: expected lower case letters and digits with hyphens between, such as my-moe, got "MyMoe"',
  ],
  [["family", "afmoe"], "name: expected one that no package has, got afmoe"],
  [["family", "new", "--like", "llama"], "--like: expected one of "],
  [
    ["variant", "softmax-afmoe"],
    "examples/variants/src/softmax-afmoe.ts: expected no such file yet, got one that is there",
  ],
  [["variant", "new", "--like", "llama"], "--like: expected one of "],
  [["head", "new"], "npm run new -- family NAME"],
  [["variant", "new", "--like"], "Option '--like' argument is ambiguous"],
  [["variant", "new", "--lik", "mish"], "Unknown option '--lik'"],
])("%j is refused, and nothing is written", async (args, message) => {
  await expect(add(...args)).rejects.toThrow(message);
  expect(existsSync(join(tree, "packages/new"))).toBe(false);
});
