/** Runs turbo without telemetry or notices, to the end where a machine reads it, and with a cache for each Node. */

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { argv, env, execPath, exit, version } from "node:process";

const turbo = createRequire(import.meta.url).resolve("turbo/bin/turbo");
const [command = "--help", ...rest] = argv.slice(2);
// A person wants the first failure, a machine all of them.
const flags = command === "run" && env.CI ? ["--continue=dependencies-successful"] : [];
const child = spawn(execPath, [turbo, command, ...flags, ...rest], {
  stdio: "inherit",
  env: { ...env, TURBO_TELEMETRY_DISABLED: "1", TURBO_TELEMETRY_MESSAGE_DISABLED: "1", MIXTAPE_NODE: version },
});

// Ctrl-C reaches turbo by itself; this process waits for turbo's own end.
process.on("SIGINT", () => {});
child.on("exit", (code) => exit(code ?? 1));
