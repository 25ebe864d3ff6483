/**
 * Bundles tfjs-core's gradient registrations into `dist/tfjs-gradients.js`.
 *
 * tfjs-core registers no gradients by itself, and its `dist/register_all_gradients.js` cannot be imported in plain Node: its
 * imports have no file extensions. Whatever the main entry exports is imported from there; only the rest is bundled, so the
 * file stays small and shares the engine of the installed tfjs-core.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { build } from "esbuild";

const dist = dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs-core")));
const MAIN = "@tensorflow/tfjs-core";

/** The names that an ES module of tfjs-core exports. */
function exportsOf(file) {
  const names = [];
  for (const [, name, list] of readFileSync(file, "utf8").matchAll(
    /^export (?:async )?(?:const|let|function|class) (\w+)|^export \{([^}]*)\}/gm,
  )) {
    if (name) names.push(name);
    else names.push(...list.split(",").map((entry) => entry.trim().split(/ as /).pop()));
  }
  return names.filter(Boolean);
}

const sharedWithMain = {
  name: "shared-with-main",
  setup(bundle) {
    bundle.onResolve({ filter: /^\./ }, ({ path, importer }) => {
      if (!importer.startsWith(dist)) return undefined;
      const file = resolve(dirname(importer), path.endsWith(".js") ? path : `${path}.js`);
      if (file === resolve(dist, "engine.js")) return { path: file, namespace: "engine" };
      // Namespaces such as `broadcast_util` are exported whole, under the file's name.
      const stem = basename(file, ".js");
      if (typeof tf[stem] === "object") {
        return { path: file, namespace: "main-space", pluginData: { stem, names: Object.keys(tf[stem]) } };
      }
      const names = exportsOf(file);
      const shared = names.filter((name) => name in tf);
      if (stem === "tensor") return { path: file, namespace: "tensor", pluginData: shared };
      return shared.length === names.length ? { path: file, namespace: "main", pluginData: shared } : { path: file };
    });
    bundle.onLoad({ filter: /.*/, namespace: "engine" }, () => ({
      contents: `import { engine } from "${MAIN}"; export const ENGINE = engine();`,
    }));
    // The classes must be those of the main entry, and what looks them up must find those.
    bundle.onLoad({ filter: /.*/, namespace: "tensor" }, ({ pluginData: names }) => ({
      contents: `import { Tensor } from "${MAIN}";
        export { ${names.join(", ")} } from "${MAIN}";
        export const getGlobalTensorClass = () => Tensor;`,
    }));
    bundle.onLoad({ filter: /.*/, namespace: "main" }, ({ pluginData: names }) => ({
      contents: `export { ${names.join(", ")} } from "${MAIN}";`,
    }));
    bundle.onLoad({ filter: /.*/, namespace: "main-space" }, ({ pluginData: { stem, names } }) => ({
      contents: `import { ${stem} } from "${MAIN}"; export const { ${names.join(", ")} } = ${stem};`,
    }));
  },
};

const outfile = fileURLToPath(new URL("../dist/tfjs-gradients.js", import.meta.url));
await build({
  entryPoints: [resolve(dist, "register_all_gradients.js")],
  outfile,
  bundle: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  external: [MAIN],
  plugins: [sharedWithMain],
  minifyWhitespace: true,
  legalComments: "eof",
  logLevel: "warning",
  // The package marks itself free of side effects except for a list; the registrations themselves are the point here.
  ignoreAnnotations: true,
});
writeFileSync(outfile.replace(/\.js$/, ".d.ts"), "export {};\n");
