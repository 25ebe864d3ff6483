import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// package.json points `#files` at the built file. Tests of the sources take the source.
export default defineConfig({
  resolve: { alias: { "#files": fileURLToPath(new URL("src/files-node.ts", import.meta.url)) } },
});
