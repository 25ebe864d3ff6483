import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ENGINES } from "./engines.js";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

/** Runs plain Node on the built package, which imports itself by name. */
function node(...args: string[]): { stdout: string; stderr: string; status: number | null } {
  return spawnSync(process.execPath, args, { cwd: PACKAGE, encoding: "utf8" });
}

const PROGRAM = `
  const { name } = await useEngine(ENGINE);
  const c = tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]]));
  console.log(JSON.stringify({ name, c: [...(await c.data())], current: currentEngine().name }));
`;

describe.each(ENGINES)("%s in plain Node prints what we print and nothing else", (name) => {
  const program = PROGRAM.replace("ENGINE", JSON.stringify(name));
  const output = `${JSON.stringify({ name, c: [11], current: name })}\n`;

  test("import", () => {
    const imports =
      'import * as tf from "@tensorflow/tfjs-core"; import { useEngine, currentEngine } from "@mixtape/engine";';
    const { stdout, stderr, status } = node("--input-type=module", "-e", imports + program);
    expect({ stdout, stderr, status }).toEqual({ stdout: output, stderr: "", status: 0 });
  });

  test("require", () => {
    const imports =
      'const tf = require("@tensorflow/tfjs-core"), { useEngine, currentEngine } = require("@mixtape/engine");';
    // Without warnings: Node 20 and 22 call require of an ES module experimental.
    const { stdout, stderr, status } = node("--no-warnings", "-e", `${imports} (async () => {${program}})()`);
    expect({ stdout, stderr, status }).toEqual({ stdout: output, stderr: "", status: 0 });
  });
});

test("a bundler for browsers meets no node: module", () => {
  const seen = new Set<string>();
  const visit = (url: URL) => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    for (const [, specifier = ""] of readFileSync(url, "utf8").matchAll(/(?:\bfrom|\bimport\() ?"([^"]+)"/g)) {
      expect(specifier).not.toMatch(/^node:|tfjs-node|mixtape\/native/);
      if (specifier === "#platform") visit(new URL("../dist/platform/browser.js", import.meta.url));
      else if (specifier.startsWith(".")) visit(new URL(specifier, url));
    }
  };
  visit(new URL("../dist/index.js", import.meta.url));
  expect([...seen].some((href) => href.endsWith("platform/browser.js"))).toBe(true);
});

test("tfjs-node and webgpu are optional peers: npm ci does not install them", () => {
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(`${PACKAGE}/package.json`, "utf8"),
  );
  const peers = ["@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu", "webgpu"];
  expect(Object.keys(peerDependencies)).toEqual(peers);
  for (const peer of peers) {
    expect(peerDependenciesMeta[peer]).toEqual({ optional: true });
    expect(dependencies).not.toHaveProperty(peer);
  }
  const lock = JSON.parse(readFileSync(`${PACKAGE}/../../package-lock.json`, "utf8"));
  for (const peer of peers) expect(lock.packages).not.toHaveProperty([`node_modules/${peer}`]);
});
