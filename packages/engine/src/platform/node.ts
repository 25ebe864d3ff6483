/** Platform services for engines in Node. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf } from "../engine-error.js";
import type { Native, TfjsNode } from "./platform.js";

export { availableMemory } from "./memory-node.js";

export const isNode = true;

const TFJS_NODE = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

/** Resolves beside this package, where a package manager puts its peers, and then from the user's project. */
function fromHere(): NodeJS.Require[] {
  return [createRequire(import.meta.url), createRequire(join(process.cwd(), sep))];
}

/** Loads the package of the engine `native`, but not its binary yet. */
export function loadNative(): Promise<Native> {
  return import("@mixtape/native");
}

/**
 * Loads tfjs-node: from the folder in `MIXTAPE_TFJS_NODE` if it is set, else the GPU package, else the CPU one.
 *
 * @param from places to look in, in this order
 * @throws an error with the reason why each package found does not load
 */
export function loadTfjsNode(from: readonly NodeJS.Require[] = fromHere()): TfjsNode {
  const folder = process.env.MIXTAPE_TFJS_NODE;
  const found = folder ? [resolve(folder)] : TFJS_NODE.flatMap((name) => findPackage(name, from) ?? []);
  if (found.length === 0) throw new Error(`neither ${TFJS_NODE.join(" nor ")} is installed`);
  const reasons: string[] = [];
  for (const path of found) {
    try {
      return loadPackage(path);
    } catch (error) {
      reasons.push(`${folder ? `MIXTAPE_TFJS_NODE (${path})` : path} does not load: ${firstLine(error)}`);
    }
  }
  throw new Error(reasons.join("; "));
}

/**
 * Returns the folder of the `.wasm` files of `@tensorflow/tfjs-backend-wasm`. Also correct when this code was bundled
 * for Node.
 */
export function wasmFolder(): string | undefined {
  const path = resolveFrom("@tensorflow/tfjs-backend-wasm/package.json", fromHere());
  return path && join(dirname(path), "dist", sep);
}

/** Reads a file by its path or URL. @throws if it does not exist */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!/^https?:/i.test(path)) return new Uint8Array(await readFile(path.startsWith("file:") ? new URL(path) : path));
  const response = await fetch(path);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Creates `navigator.gpu` with the `webgpu` package if it is installed. */
export async function loadWebGPU(): Promise<unknown> {
  const path = resolveFrom("webgpu", fromHere());
  if (!path) return undefined;
  const dawn = (await import(pathToFileURL(path).href)) as { create(flags: string[]): unknown; globals: object };
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create([]);
  // Node 20 has no navigator, and that of later versions has no gpu. The reference also keeps the GPU alive.
  if (!("navigator" in globalThis)) Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  return gpu;
}

function loadPackage(folder: string): TfjsNode {
  const load = createRequire(join(folder, "package.json"));
  const { name, version } = load("./package.json") as TfjsNode;
  mendUtil();
  // libtensorflow writes to standard error while loading; this drops what is only information.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "1";
  load(folder);
  return { name, version };
}

/**
 * Replaces two functions of `util` that tfjs-node calls: Node 23 removed the first, and the second is deprecated since
 * Node 22.
 */
function mendUtil(): void {
  const util = createRequire(import.meta.url)("node:util") as Record<string, unknown>;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}

/** Finds the folder of a package without running it. A broken install counts as found: its error is worth reporting. */
function findPackage(name: string, from: readonly NodeJS.Require[]): string | undefined {
  const path = resolveFrom(`${name}/package.json`, from);
  return path && dirname(path);
}

function resolveFrom(specifier: string, from: readonly NodeJS.Require[]): string | undefined {
  for (const require of from) {
    try {
      const path = require.resolve(specifier);
      if (existsSync(path)) return path;
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n", 1)[0]?.trim() ?? "";
}
