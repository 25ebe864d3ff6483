// Compiles cpp/ to platforms/<platform>/mixtape.node with the C++ compiler that is here:
//   node scripts/build.js             this machine's platform; without a compiler it says so and leaves the build alone
//   node scripts/build.js <platform>  that platform, or an error
//   node scripts/build.js --all       every platform that has a compiler here

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { argv, exit } from "node:process";
import { compileProgram } from "./compile.js";
import { HERE, PLATFORMS } from "./platforms.js";
import { compilersFor, findCompiler, ROOT, sourcesOf } from "./toolchain.js";

const asked = argv[2];
if (asked === "--all") {
  for (const name of Object.keys(PLATFORMS)) {
    const built = await build(name);
    console.log(
      `native: ${name} ${built ? "built" : `not built: there is no ${compilersFor(name).join(" or ") || "cross compiler"}`}`,
    );
  }
} else if (asked && !PLATFORMS[asked]) {
  fail(`expected a platform of ${Object.keys(PLATFORMS).join(", ")}; got ${asked}`);
} else if (!PLATFORMS[asked ?? HERE]) {
  console.log(`native: ${HERE} has no build; other engines serve this machine.`);
} else if (!(await build(asked ?? HERE))) {
  const missing = `no C++ compiler for ${asked ?? HERE} (tried ${compilersFor(asked ?? HERE).join(", ")})`;
  if (asked) fail(missing);
  console.log(`native: ${missing}; other engines serve this machine.`);
}

/** @returns whether there is a compiler for it */
async function build(name) {
  const compiler = findCompiler(name);
  if (!compiler) return false;
  const { linkFlags, needsImports } = PLATFORMS[name];
  const objects = join(ROOT, ".cache", name);
  await compileProgram({
    compiler,
    sources: [
      ...sourcesOf(name, { folders: [".", "core", "isa", "ops"] }),
      inOne(sourcesOf(name, { folders: ["bind"] }), join(objects, "bind.cc")),
    ],
    objects,
    binary: join(ROOT, "platforms", name, "mixtape.node"),
    linkFlags: needsImports ? [...linkFlags, importLibrary(needsImports, objects)] : linkFlags,
  }).catch((error) => fail(error.stderr || error.message));
  return true;
}

/** One source that includes others: the wrapper of Node-API, which each of these needs, takes longer to compile than they do. */
function inOne(sources, path) {
  const text = sources
    .map((source) => `#include ${JSON.stringify(relative(ROOT, source.path).replaceAll(sep, "/"))}\n`)
    .join("");
  mkdirSync(dirname(path), { recursive: true });
  // An unchanged file keeps its time, and is not compiled again.
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
  return { path, flags: [...sources[0].flags, `-I${ROOT}`] };
}

/** What tells Windows that Node-API's functions lie in node.exe. */
function importLibrary(dlltool, folder) {
  mkdirSync(folder, { recursive: true });
  const { def_paths } = createRequire(import.meta.url)("node-api-headers");
  const library = join(folder, "libnode.a");
  execFileSync(dlltool, ["--input-def", def_paths.node_api_def, "--output-lib", library]);
  return library;
}

function fail(message) {
  console.error(`native: ${message}`);
  exit(1);
}
