import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig } from "vitest/config";
import shared from "../../vitest.config.js";

// package.json points `#platform` at the built file. Tests of the sources take the source. Which engine a process has chosen is
// what is tested here, so each file has a process of its own.
export default defineConfig((env) =>
  mergeConfig(shared(env), {
    test: { isolate: true },
    resolve: { alias: { "#platform": fileURLToPath(new URL("src/platform/node.ts", import.meta.url)) } },
  }),
);
