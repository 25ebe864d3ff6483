/** The built package in plain Node, where nothing mends imports: imported, required, and with the gradients of tfjs. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const CORE = dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs-core")));

/** Runs a program that finds this package, and what it is tested with, by name; gives what it printed as JSON. */
function json(program: string, ...flags: string[]): unknown {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, "-e", program], {
    cwd: PACKAGE,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** y = 2·x₀ + 3·x₁ + bias: the gradients are the weight, x and 1. */
const PROGRAM = `
  const weight = { role: "matrix", shape: [1, 2], layout: "plain", parts: [tensor2d([[2, 3]])] };
  const f = (x, w, bias) => linear(x, { ...weight, parts: [w] }, bias);
  const gradients = grads(f)([tensor2d([[5, 7]]), weight.parts[0], tensor1d([1])]);
  console.log(JSON.stringify(gradients.map((gradient) => [...gradient.dataSync()])));
`;

const GRADIENTS = [[2, 3], [5, 7], [1]];

describe.each([
  ["compositions", ""],
  ["kernels", 'registerHostKernels("cpu");'],
])("with this package and a backend, and nothing else, gradients work: %s", (_, setUp) => {
  test("imported", () => {
    const imports =
      'import { grads, tensor1d, tensor2d } from "@tensorflow/tfjs-core"; import "@tensorflow/tfjs-backend-cpu";' +
      'import { linear, registerHostKernels } from "@mixtape/ops";';
    expect(json(imports + setUp + PROGRAM, "--input-type=module")).toEqual(GRADIENTS);
  });

  test("required", () => {
    const imports =
      'const { grads, tensor1d, tensor2d } = require("@tensorflow/tfjs-core"); require("@tensorflow/tfjs-backend-cpu");' +
      'const { linear, registerHostKernels } = require("@mixtape/ops");';
    expect(json(imports + setUp + PROGRAM)).toEqual(GRADIENTS);
  });
});

describe("gradients", () => {
  /** The kernels of tfjs that have a gradient once `imports` is loaded. */
  const registered = (imports: string) =>
    json(
      `import * as tf from "@tensorflow/tfjs-core"; ${imports}
      const kernels = Object.values(tf).filter((value) => typeof value === "string");
      console.log(JSON.stringify(kernels.filter((kernel) => tf.getGradient(kernel)).sort()));`,
      "--input-type=module",
    );

  test("tfjs-core alone has none", () => {
    expect(registered("")).toEqual([]);
  });

  test("this package registers all that tfjs-core has", () => {
    const list = readFileSync(join(CORE, "register_all_gradients.js"), "utf8");
    const files = [...list.matchAll(/from '\.\/(gradients\/\w+)'/g)].map(([, file]) => `${file}.js`);
    const kernels = files.map((file) => {
      const [, constant = ""] = /kernelName: (\w+)/.exec(readFileSync(join(CORE, file), "utf8")) ?? [];
      return (tf as unknown as Record<string, unknown>)[constant];
    });
    expect(kernels.length).toBeGreaterThan(90);
    expect(registered('import "@mixtape/ops";')).toEqual([...new Set(kernels)].sort());
  });

  test("their code imports tfjs-core and nothing else", () => {
    const code = readFileSync(join(PACKAGE, "dist", "tfjs-gradients.js"), "utf8");
    const imported = [...code.matchAll(/\bfrom ?"([^"]+)"|\bimport ?\(|\bimport ?"([^"]+)"/g)].map(
      ([, from, bare]) => from ?? bare,
    );
    expect(new Set(imported)).toEqual(new Set(["@tensorflow/tfjs-core"]));
  });
});
