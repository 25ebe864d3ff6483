// The C++ code under sanitizers: `node scripts/sanitize.js`. Not part of CI, for it takes minutes.
//   The tests in cpp/test under AddressSanitizer and UndefinedBehaviorSanitizer, and under ThreadSanitizer.
//   The addon, in Node, under AddressSanitizer: the calls of test/robustness with right and with spoilt arguments.

import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { argv, env, execPath, exit } from "node:process";
import { compileProgram } from "./compile.js";
import { HERE, PLATFORMS } from "./platforms.js";
import { compilersFor, findCompiler, ROOT, sourcesOf } from "./toolchain.js";

const CALLS = argv[2] ?? "300";

for (const sanitizers of ["address,undefined", "thread"]) run(["scripts/test-cpp.js", `--sanitize=${sanitizers}`]);

const compiler = findCompiler(HERE) ?? fail(`no C++ compiler (tried ${compilersFor(HERE).join(", ")})`);
const flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"];
const objects = join(ROOT, ".cache", "addon-address-undefined");
const binary = join(objects, "mixtape.node");
await compileProgram({
  compiler,
  sources: sourcesOf(HERE, { flags, folders: [".", "bind", "core", "isa", "ops"] }),
  objects,
  binary,
  linkFlags: [...PLATFORMS[HERE].linkFlags.filter((flag) => !flag.startsWith("-static")), ...flags],
}).catch((error) => fail(error.stderr || error.message));
// Node itself is not instrumented: the sanitizer's library must be there first, and Node's own leaks are its own affair.
const library = execFileSync(compiler, ["-print-file-name=libasan.so"], { encoding: "utf8" }).trim();
run(["test/robustness/run.js", CALLS, "1"], {
  LD_PRELOAD: library,
  ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1",
  MIXTAPE_NATIVE_BINARY: binary,
});

function run(args, more = {}) {
  const { status, signal } = spawnSync(execPath, args, { cwd: ROOT, stdio: "inherit", env: { ...env, ...more } });
  if (status !== 0) fail(`${args.join(" ")} ended with ${signal ?? status}`);
}

function fail(message) {
  console.error(`native: ${message}`);
  exit(1);
}
