/**
 * Each package survives a bundler: its example still works once everything of ours is shaken off that claims to have no
 * side effects and is not used, and a browser's bundle asks for none of Node's modules.
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { afterAll, describe, expect, test } from "vitest";
import { codeBlocks } from "../src/example.js";
import { lines, run } from "../src/run.js";
import { hasNative, published } from "../src/workspace.js";

/** Where the examples run: some write files. */
const empty = mkdtempSync(join(tmpdir(), "mixtape-bundles-"));
afterAll(() => rmSync(empty, { recursive: true }));

/** Leaves what others wrote in its place: some of it loads files that lie beside it. */
const oursAlone: Plugin = {
  name: "ours-alone",
  setup({ onResolve }) {
    onResolve({ filter: /^[^.#/]/ }, ({ path, kind }) =>
      path.startsWith("@mixtape/") || kind === "entry-point" ? undefined : { path, external: true },
    );
  },
};

/** Packages that browsers cannot run. That no other package's bundle has them is what its own test shows. */
const NODE_ONLY = ["native", "testing"];

describe.each(published)("$manifest.name", ({ folder, path }) => {
  const readme = join(path, "README.md");
  const [example] = existsSync(readme) ? codeBlocks(readFileSync(readme, "utf8")) : [];
  const bundle = (options: BuildOptions) =>
    build({
      stdin: { contents: example?.code ?? "", resolveDir: path },
      bundle: true,
      format: "esm",
      mainFields: ["module", "main"],
      logLevel: "silent",
      ...options,
    });

  test.runIf(example && (hasNative || !NODE_ONLY.includes(folder)))(
    "its example prints the same as one file",
    async () => {
      const home = join(path, "node_modules/.examples");
      mkdirSync(home, { recursive: true });
      const outfile = join(home, `bundle-${process.pid}.mjs`);
      await bundle({ platform: "node", outfile, plugins: [oursAlone] });
      try {
        expect(lines(await run(process.execPath, [outfile], empty))).toEqual(example?.prints);
      } finally {
        rmSync(outfile);
      }
    },
  );

  test.runIf(example && !NODE_ONLY.includes(folder))(
    "it bundles for a browser, without any of Node's modules",
    async () => {
      const { metafile } = await bundle({ platform: "browser", write: false, metafile: true });
      expect(Object.values(metafile?.outputs ?? {}).flatMap(({ imports }) => imports)).toEqual([]);
      expect(Object.keys(metafile?.inputs ?? {}).filter((file) => /packages\/native\//.test(file))).toEqual([]);
    },
  );
});
