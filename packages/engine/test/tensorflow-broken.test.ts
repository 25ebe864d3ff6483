import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { getBackend } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { currentEngine, EngineError, listEngines, useEngine } from "../src/index.js";
import { loadTfjsNode } from "../src/platform/node.js";
import { copyTfjs, emptyProject, installFake } from "./fake-tfjs-node.js";

const CPU = "@tensorflow/tfjs-node";
const GPU = "@tensorflow/tfjs-node-gpu";
const NO_BINDING =
  'throw new Error("The Node.js native addon module (tfjs_binding.node) can not be found at path: x. \\nPlease run command")';

// As where there is no binary for the platform.
vi.mock("@mixtape/native", () => ({
  registerNative() {
    throw new Error("no binary");
  },
}));

const projects: string[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(() => {
  for (const project of projects) rmSync(project, { recursive: true });
});

/** A project with these packages in it, and what resolves from it. */
function project(packages: Record<string, string>): { folder: string; from: NodeJS.Require[] } {
  const folder = emptyProject();
  projects.push(folder);
  for (const [name, code] of Object.entries(packages)) installFake(folder, name, code);
  return { folder, from: [createRequire(join(folder, "package.json"))] };
}

/** The error of choosing `tensorflow` while `wasm` is in use, which it must leave in use. */
async function refusal(): Promise<EngineError> {
  const before = await useEngine("wasm");
  const error = await useEngine("tensorflow").then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  expect(getBackend()).toBe("wasm");
  expect(currentEngine()).toEqual(before);
  return error as EngineError;
}

test("nothing installed", () => {
  vi.stubEnv("MIXTAPE_TFJS_NODE", "");
  expect(() => loadTfjsNode(project({}).from)).toThrow(
    "neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed",
  );
});

test("a package whose native module is missing", () => {
  vi.stubEnv("MIXTAPE_TFJS_NODE", "");
  const { folder, from } = project({ [CPU]: NO_BINDING });
  expect(() => loadTfjsNode(from)).toThrow(
    `${folder}/node_modules/@tensorflow/tfjs-node does not load: ` +
      "The Node.js native addon module (tfjs_binding.node) can not be found at path: x.",
  );
});

test("the GPU package goes first, and the CPU package where that is broken", () => {
  vi.stubEnv("MIXTAPE_TFJS_NODE", "");
  expect(loadTfjsNode(project({ [CPU]: "", [GPU]: "" }).from)).toMatchObject({ name: GPU, version: "4.99.0" });
  expect(loadTfjsNode(project({ [CPU]: "", [GPU]: NO_BINDING }).from)).toMatchObject({ name: CPU });
  const both = project({ [CPU]: 'throw new Error("second")', [GPU]: 'throw new Error("first")' });
  expect(() => loadTfjsNode(both.from)).toThrow(
    /tfjs-node-gpu does not load: first; .*tfjs-node does not load: second/,
  );
});

test("the user's project is looked through after our own place", () => {
  vi.stubEnv("MIXTAPE_TFJS_NODE", "");
  const [ours, users] = [project({}), project({ [CPU]: "" })];
  expect(loadTfjsNode([...ours.from, ...users.from])).toMatchObject({ name: CPU });
});

test("chosen by name: why not, what there is, and how to get it", async () => {
  const { folder } = project({ [CPU]: NO_BINDING });
  vi.stubEnv("MIXTAPE_TFJS_NODE", join(folder, "node_modules", CPU));
  const { message } = await refusal();
  expect(message).toMatch(/^engine "tensorflow": expected an engine that works here, got MIXTAPE_TFJS_NODE \(/);
  expect(message).toContain(
    "does not load: The Node.js native addon module (tfjs_binding.node) can not be found at path: x.",
  );
  expect(message).toContain("To get it: npm install @tensorflow/tfjs-node, or @tensorflow/tfjs-node-gpu with CUDA");
  expect(message).toMatch(/These work here: wasm \(tfjs-backend-wasm .*\); cpu \(tfjs-backend-cpu .*\)\.$/);
});

test("MIXTAPE_TFJS_NODE that leads nowhere is a reason, not a fallback", async () => {
  vi.stubEnv("MIXTAPE_TFJS_NODE", "/no/such/folder");
  expect((await refusal()).message).toContain(
    "got MIXTAPE_TFJS_NODE (/no/such/folder) does not load: Cannot find module",
  );
});

test("chosen automatically: passed over, with the reason", async () => {
  vi.stubEnv("MIXTAPE_TFJS_NODE", "/no/such/folder");
  const { name, passedOver } = await useEngine("auto");
  expect(name).toBe("wasm");
  expect(passedOver).toEqual([
    { name: "native", reason: "no binary" },
    { name: "tensorflow", reason: expect.stringContaining("/no/such/folder") },
  ]);
});

test("listed, with the reason", async () => {
  vi.stubEnv("MIXTAPE_TFJS_NODE", "/no/such/folder");
  const [, tensorflow] = await listEngines();
  expect(tensorflow).toMatchObject({
    name: "tensorflow",
    available: false,
    detail: expect.stringContaining("/no/such/folder"),
  });
});

test("a backend that does not initialise tells its own reason, again and again", async () => {
  const code = `
    const tf = require("@tensorflow/tfjs-core");
    tf.registerBackend("tensorflow", () => { throw new Error("libcudart is missing"); }, 3);
  `;
  const { folder } = project({ [CPU]: code });
  copyTfjs(folder);
  vi.stubEnv("MIXTAPE_TFJS_NODE", join(folder, "node_modules", CPU));
  for (const _ of [1, 2]) expect((await refusal()).got).toBe("libcudart is missing");
});
