/** Runs turbo without telemetry or notices, to the end where a machine reads it, and with a cache for each Node and compiler. */

import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { arch, argv, env, execPath, exit, platform, version } from "node:process";

const turbo = createRequire(import.meta.url).resolve("turbo/bin/turbo");
const [command = "--help", ...rest] = argv.slice(2);
// Whoever runs tests wants all that fail, in whatever package; of a build, a person wants the first failure and a machine all.
const wantsAll = Boolean(env.CI) || rest[0]?.startsWith("test");
const flags = command === "run" && wantsAll ? ["--continue=dependencies-successful"] : [];
// What was built without a C++ compiler, or by another one, is built again.
const { stdout } = spawnSync(env.CXX || "c++", ["--version"], { encoding: "utf8" });
const compiler = `${platform}-${arch} ${stdout?.split("\n", 1)[0] ?? "none"}`;
const child = spawn(execPath, [turbo, command, ...flags, ...rest], {
  stdio: "inherit",
  env: {
    ...env,
    TURBO_TELEMETRY_DISABLED: "1",
    TURBO_TELEMETRY_MESSAGE_DISABLED: "1",
    MIXTAPE_NODE: version,
    MIXTAPE_COMPILER: compiler,
  },
});

// Ctrl-C reaches turbo by itself; this process waits for turbo's own end.
process.on("SIGINT", () => {});
child.on("exit", (code) => exit(code ?? 1));
