import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig } from "vitest/config";
import shared from "../../vitest.config.js";

// package.json points `#files` at the built file. Tests of the sources take the source.
export default defineConfig((env) =>
  mergeConfig(shared(env), {
    resolve: { alias: { "#files": fileURLToPath(new URL("src/files-node.ts", import.meta.url)) } },
  }),
);
