import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { run } from "../src/run.js";
import { platforms, published, root } from "../src/workspace.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The tarball of each package, by name. */
    tarballs: Record<string, string>;
    /** The Node binaries to run on, by major version. */
    nodes: Record<string, string>;
  }
}

/** The oldest Node that we support, and the one that most people have. */
const MAJORS = ["20", "24"];

/** Packs every package, those of the platforms too, and finds or fetches the Nodes. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const tarballs = await mkdtemp(join(tmpdir(), "mixtape-tarballs-"));
  const pack = ["pack", "--silent", "--ignore-scripts", "--pack-destination", tarballs];
  await run("npm", [...pack, ...published.map(({ manifest }) => `--workspace=${manifest.name}`)], root);
  // Without a binary where none was built; the tests are run on a platform that has one.
  await run("npm", [...pack, ...platforms.map(({ path }) => path)], root);
  project.provide(
    "tarballs",
    Object.fromEntries(
      [...published, ...platforms].map(({ manifest: { name, version } }) => [
        name,
        join(tarballs, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`),
      ]),
    ),
  );
  project.provide(
    "nodes",
    Object.fromEntries(await Promise.all(MAJORS.map(async (major) => [major, await nodeBinary(major)]))),
  );
  return () => rm(tarballs, { recursive: true });
}

/** This process's own Node where it fits; otherwise the one that the registry ships, kept in `.cache/`. */
async function nodeBinary(major: string): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  // The package `node` fetches one of these in an install script; asked for by name it needs no script.
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const home = join(root, ".cache", `node-${major}`);
  const binary = join(home, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(binary)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "package.json"), '{ "private": true }\n');
    await run(
      "npm",
      ["install", "--silent", "--no-save", "--ignore-scripts", "--prefer-offline", `${name}@${major}`],
      home,
    );
  }
  return binary;
}
