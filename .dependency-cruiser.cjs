/**
 * Who may import whom. `npm run lint` holds every file against it; `tools/packages/test/floors.long.test.ts` proves that it bites.
 *
 * A package imports only packages on lower floors: never one on its own floor, never one above.
 */

const { existsSync, readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");

/** The floors of the house, lowest first. A new package is entered here before it can be linted. */
const FLOORS = [
  ["errors"],
  ["regex"],
  ["config", "safetensors", "tokenizer"],
  ["quantization"],
  ["gguf"],
  ["ops"],
  ["native", "layers"],
  ["engine", "decoder"],
  ["mixtral", "qwen3-moe", "afmoe", "qwen2-moe", "deepseek-v3", "olmoe", "gpt-oss", "qwen3-next", "generation", "peft"],
  ["training"],
  ["mixtape"],
  ["testing"],
];

/**
 * The folders of a package's `src`, lowest first: a folder imports only from lower ones, and of the files beside the folders
 * `errors.ts` alone. Files beside the folders may import any.
 */
const FOLDERS = {
  ops: [
    ["random"],
    ["autodiff"],
    ["math"],
    ["activations", "storage"],
    ["engines"],
    ["cache", "capture", "kernels", "linear"],
    ["attention", "feed-forward", "recurrence"],
    ["experts"],
  ],
  peft: [["config"], ["targets"], ["layers"], ["routing"], ["batch"], ["adapter"], ["files"]],
};

/** Packages that know no family, whatever their floor, and are tested on all of them. */
const TESTED_ON_FAMILIES = ["training", "peft"];
const FAMILIES = ["mixtral", "qwen3-moe", "afmoe", "qwen2-moe", "deepseek-v3", "olmoe", "gpt-oss", "qwen3-next"];

/** Packages that run in Node alone. In every other one, only a file named `*-node.ts` or `node.ts` touches Node's own modules. */
const NODE_ONLY = ["native", "testing"];

const SCOPE = "@mixtape/";
const either = (names) => `(?:${names.join("|")})`;
const literally = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
/** A package however it is reached: built and linked, not built yet, or by a path between the folders. */
const reached = (names) => `^(?:packages/|(?:node_modules/)?${SCOPE})${either(names)}(?:/|$)`;

const manifestOf = (...folder) => JSON.parse(readFileSync(join(__dirname, ...folder, "package.json"), "utf8"));
const present = readdirSync(join(__dirname, "packages")).filter((name) =>
  existsSync(join(__dirname, "packages", name, "package.json")),
);
const homeless = present.filter((name) => !FLOORS.flat().includes(name));
if (homeless.length > 0) {
  throw new Error(`.dependency-cruiser.cjs: expected every package on a floor, got none for ${homeless.join(", ")}.`);
}

/** Every specifier that the packages offer, such as `@mixtape/config`, and their own private ones, such as `#files`. */
const offered = present.flatMap((name) => {
  const { name: fullName, exports = { ".": "" }, imports = {} } = manifestOf("packages", name);
  return [...Object.keys(exports).map((subpath) => fullName + subpath.slice(1)), ...Object.keys(imports)];
});

/** Test tools stand in the root package.json once, for the tests of all packages. */
const sharedTools = Object.keys(manifestOf(".").devDependencies ?? {});

const floorRules = FLOORS.flatMap((floor, height) =>
  floor.flatMap((name) => {
    const above = FLOORS.slice(height).flat();
    const forbidden = above.filter((other) => other !== name);
    const rule = (suffix, from, names) => ({
      name: `floor-${name}${suffix}`,
      comment: `\`${name}\` may import only what lies below it: ${FLOORS.slice(0, height).flat().join(", ") || "nothing"}.`,
      severity: "error",
      from: { path: from },
      to: { path: `${reached(names)}|^apps/|^tools/` },
    });
    // Tests may lean on the test tools, which stand above everything.
    return [
      rule("", `^packages/${name}/src/`, forbidden),
      rule(
        "-test",
        `^packages/${name}/(?!src/)`,
        forbidden.filter(
          (other) => other !== "testing" && !(TESTED_ON_FAMILIES.includes(name) && FAMILIES.includes(other)),
        ),
      ),
    ];
  }),
);

const folderRules = Object.entries(FOLDERS).flatMap(([name, ladder]) => {
  const source = join(__dirname, "packages", name, "src");
  const folders = existsSync(source)
    ? readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : [];
  const strangers = folders.map((entry) => entry.name).filter((folder) => !ladder.flat().includes(folder));
  if (strangers.length > 0) {
    throw new Error(
      `.dependency-cruiser.cjs: expected a rung for every folder of packages/${name}/src, got none for ${strangers.join(", ")}.`,
    );
  }
  return ladder.flatMap((rung, height) =>
    rung.map((folder) => {
      const forbidden = ladder
        .slice(height)
        .flat()
        .filter((other) => other !== folder);
      const beside = "(?!errors\\.ts$)[^/]+\\.ts$";
      return {
        name: `folder-${name}-${folder}`,
        comment: `\`${name}/src/${folder}\` may import only from ${["errors.ts", ...ladder.slice(0, height).flat()].join(", ")}.`,
        severity: "error",
        from: { path: `^packages/${name}/src/${folder}/` },
        to: { path: `^packages/${name}/src/(?:${[...forbidden.map((other) => `${other}/`), beside].join("|")})` },
      };
    }),
  );
});

/** The cruiser looks up declared dependencies by their place in node_modules; linked workspaces it cannot judge. */
const workspaceRules = present.map((name) => {
  const { dependencies, devDependencies, peerDependencies, optionalDependencies } = manifestOf("packages", name);
  const declared = { ...dependencies, ...devDependencies, ...peerDependencies, ...optionalDependencies };
  const undeclared = present.filter((other) => other !== name && !(SCOPE + other in declared));
  return {
    name: `undeclared-in-${name}`,
    comment: `packages/${name}/package.json does not declare what is imported here.`,
    severity: "error",
    from: { path: `^packages/${name}/` },
    to: { path: undeclared.length > 0 ? reached(undeclared) : "^$" },
  };
});

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...floorRules,
    ...folderRules,
    ...workspaceRules,
    {
      name: "no-family-by-name",
      comment: "What works on any family imports none.",
      severity: "error",
      from: { path: `^packages/${either(TESTED_ON_FAMILIES)}/src/` },
      to: { path: reached(FAMILIES) },
    },
    {
      name: "no-circular",
      comment: "Files that import each other in a circle, types included, cannot be read top-down.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-path-into-another-package",
      comment: "Another package is imported by its name, through its `exports`.",
      severity: "error",
      from: { path: "^(packages|apps|tools|examples)/([^/]+)/" },
      to: { path: "^(?:packages|apps)/", pathNot: "^$1/$2/", dependencyTypes: ["local"] },
    },
    {
      name: "no-unknown-import",
      comment: "The import resolves to nothing, or to a file that its package does not export.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: `^${either(offered.map(literally))}$` },
    },
    {
      name: "no-undeclared-dependency",
      comment: "What a package imports stands in its own package.json; its tests may use the root's test tools too.",
      severity: "error",
      from: { path: "^(?:packages|apps)/[^/]+/src/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "no-undeclared-test-dependency",
      comment: "What a test imports stands in its package's package.json or among the root's test tools.",
      severity: "error",
      from: { pathNot: "^(?:packages|apps)/[^/]+/src/" },
      to: {
        dependencyTypes: ["npm-no-pkg", "npm-unknown"],
        pathNot: `^node_modules/${either(sharedTools.map(literally))}/`,
      },
    },
    {
      name: "no-dev-dependency-in-src",
      comment:
        "What the published code imports is a dependency, a peer or an optional one; a dev dependency is not installed.",
      severity: "error",
      from: { path: "^(?:packages|apps)/[^/]+/src/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["npm", "npm-peer", "npm-optional", "type-only"] },
    },
    {
      name: "node-only-in-node-files",
      comment:
        "Packages run in browsers too: Node's own modules are imported from files named `*-node.ts` or `node.ts` only.",
      severity: "error",
      from: { path: `^packages/(?!${either(NODE_ONLY)}/)[^/]+/src/`, pathNot: "[-/]node\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    doNotFollow: { path: ["node_modules", "/dist/"] },
    exclude: { path: "__fixtures__" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
