/** publint and attw on every package as it is published. All are packed once, and checked in one process. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

/**
 * Packages are ES modules, which these resolutions of TypeScript do not import (attw's profile `esm-only`).
 * @type {readonly string[]}
 */
const NOT_ESM = ["node10", "node16-cjs"];

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mixtape-lint-"));
/** @type {string[]} */
const found = [];
try {
  for (const { name, filename } of pack()) {
    const tarball = Uint8Array.from(readFileSync(join(folder, filename)));
    for (const issue of [...(await issuesOfManifest(tarball)), ...(await issuesOfTypes(tarball))])
      found.push(`${name}: ${issue}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (found.length > 0) {
  console.error(found.join("\n"));
  process.exitCode = 1;
}

/** Packs every package that is published. @returns {{ name: string, filename: string }[]} */
function pack() {
  const names = readdirSync(join(root, "packages"))
    .map((name) => JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")))
    .flatMap((manifest) => (manifest.private ? [] : [`--workspace=${manifest.name}`]));
  const options = ["--json", "--silent", "--ignore-scripts", "--pack-destination", folder];
  return JSON.parse(execFileSync("npm", ["pack", ...options, ...names], { cwd: root, encoding: "utf8" }));
}

/** @param {Uint8Array<ArrayBuffer>} tarball */
async function issuesOfManifest(tarball) {
  const { messages, pkg = {} } = await publint({ pack: { tarball: tarball.buffer }, level: "warning" });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`);
}

/** @param {Uint8Array} tarball */
async function issuesOfTypes(tarball) {
  const analysis = await checkPackage(createPackageFromTarballData(tarball));
  if (!analysis.types) return ["attw: there are no types"];
  const { problems } = /** @type {import("@arethetypeswrong/core").Analysis} */ (analysis);
  return problems
    .filter((problem) => !("resolutionKind" in problem && NOT_ESM.includes(problem.resolutionKind)))
    .map((problem) => `attw: ${JSON.stringify(problem)}`);
}
