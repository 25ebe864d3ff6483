#!/usr/bin/env node
// npm links this file when it installs, before dist is built.
import { existsSync } from "node:fs";
import { stderr } from "node:process";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  stderr.write("error: sample-train is not built yet. Run npm run build first.\n");
  process.exitCode = 1;
}
