import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const resolve = createRequire(import.meta.url).resolve;

/** A project folder in which a package of this name and code is installed; gives the package's folder. */
export function installFake(project: string, name: string, code: string): string {
  const folder = join(project, "node_modules", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "4.99.0", main: "index.js" }));
  writeFileSync(join(folder, "index.js"), code);
  return folder;
}

/** An empty project folder. */
export function emptyProject(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), "mixtape-engine-")));
}

/** Gives a project its own copies of tfjs-core and tfjs-backend-cpu, as npm does when versions differ. */
export function copyTfjs(project: string): void {
  const core = dirname(resolve("@tensorflow/tfjs-core/package.json"));
  const shared = join(core, "..", "..");
  const modules = join(project, "node_modules");
  for (const name of ["tfjs-core", "tfjs-backend-cpu"]) {
    const from = join(core, "..", name);
    const to = join(modules, "@tensorflow", name);
    mkdirSync(join(to, "dist"), { recursive: true });
    cpSync(join(from, "package.json"), join(to, "package.json"));
    const main = readdirSync(join(from, "dist")).find((file) => file.endsWith(".node.js")) as string;
    cpSync(join(from, "dist", main), join(to, "dist", main));
  }
  for (const name of ["long", "node-fetch", "seedrandom"]) symlinkSync(join(shared, name), join(modules, name));
}

/** A stand-in for tfjs-node on a copy of tfjs: like the real one it sets its backend as it loads. */
export const FAKE_ON_CPU_KERNELS = `
  const util = require("util");
  if (util.isNullOrUndefined(0) || !util.isArray([])) throw new Error("util is broken");
  const tf = require("@tensorflow/tfjs-core");
  const { MathBackendCPU } = require("@tensorflow/tfjs-backend-cpu");
  tf.copyRegisteredKernels("cpu", "tensorflow");
  tf.registerBackend("tensorflow", () => new MathBackendCPU(), 3);
  tf.setBackend("tensorflow");
  tf.scalar(0).dispose(); // The CPU backend greets at its first tensor.
  exports.tf = tf;
`;
