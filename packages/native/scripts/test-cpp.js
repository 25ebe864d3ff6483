// Compiles the tests in cpp/test to one program without Node and runs it, once with the operations on each instruction set:
//   node scripts/test-cpp.js [platform [part of a test's name …]] [--sanitize=address,undefined | --sanitize=thread]
// A platform that is not this machine's is cross-compiled, and runs in QEMU.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { env, exit } from "node:process";
import { parseArgs } from "node:util";
import { compileProgram } from "./compile.js";
import { HERE, PLATFORMS } from "./platforms.js";
import { compilersFor, findCompiler, ROOT, sourcesOf } from "./toolchain.js";

const { values, positionals } = parseArgs({ options: { sanitize: { type: "string" } }, allowPositionals: true });
const { sanitize } = values;
const [name = HERE, ...parts] = positionals;
if (!PLATFORMS[name]) fail(`expected a platform of ${Object.keys(PLATFORMS).join(", ")}; got ${name}`);
const compiler = findCompiler(name);
if (!compiler) fail(`no C++ compiler for ${name} (tried ${compilersFor(name).join(", ")})`);

const objects = join(ROOT, ".cache", ["test", name, ...(sanitize ? [sanitize.replaceAll(",", "-")] : [])].join("-"));
const binary = join(objects, "tests");
const sanitizing = sanitize
  ? [`-fsanitize=${sanitize}`, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g"]
  : [];
await compileProgram({
  compiler,
  sources: sourcesOf(name, { flags: [...sanitizing, "-O1"], folders: ["core", "isa", "ops", "test"] }),
  objects,
  binary,
  linkFlags: ["-pthread", ...sanitizing],
}).catch((error) => fail(error.stderr || error.message));

const runner = name === HERE ? [] : PLATFORMS[name].runner;
for (const isa of run(["--isas"]).stdout.trim().split("\n")) {
  const { stdout, stderr, status, signal } = run(parts, { MIXTAPE_NATIVE_ISA: isa });
  process.stdout.write(`${[name, sanitize].filter(Boolean).join(" ")}: ${stdout}`);
  process.stderr.write(stderr);
  if (status !== 0) fail(`the tests ended with ${signal ?? status}`);
}

function run(args, more = {}) {
  const [command, ...rest] = [...runner, binary, ...args];
  const options = { TSAN_OPTIONS: "halt_on_error=1", UBSAN_OPTIONS: "print_stacktrace=1", ...env, ...more };
  const result = spawnSync(command, rest, { encoding: "utf8", env: options, maxBuffer: 2 ** 26 });
  if (result.error) fail(`${command}: ${result.error.message}`);
  return result;
}

function fail(message) {
  console.error(`native: ${message}`);
  exit(1);
}
