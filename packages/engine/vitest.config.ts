import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// package.json points `#platform` at the built file. Tests of the sources take the source.
export default defineConfig({
  resolve: { alias: { "#platform": fileURLToPath(new URL("src/platform/node.ts", import.meta.url)) } },
});
