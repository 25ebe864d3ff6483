/** Builds `dist`: the page, its worker, and the .wasm files of the engine. `npm run build` */

import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { printSizes } from "./sizes.js";

const here = fileURLToPath(new URL("..", import.meta.url));
const dist = join(here, "dist");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: ["src/page.ts", "src/worker.ts"],
  outdir: dist,
  bundle: true,
  minify: true,
  format: "esm",
  // An engine's code is a separate file, loaded when the engine is chosen.
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  target: "es2022",
  logLevel: "warning",
});
cpSync(join(here, "page"), dist, { recursive: true });
const wasm = dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs-backend-wasm/package.json")));
for (const file of readdirSync(join(wasm, "dist")).filter((name) => name.endsWith(".wasm")))
  cpSync(join(wasm, "dist", file), join(dist, "wasm", file));

printSizes(dist);
