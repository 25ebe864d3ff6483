import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { namesOf, rename } from "./names.js";
import { NewError } from "./new-error.js";
import { WorkspaceFiles } from "./workspace-files.js";

/**
 * Writes a package for a family, as a copy of another, and adds it to the lists of packages and families.
 *
 * @param {string} root
 * @param {string} name
 * @param {string} [like]
 * @returns {{ files: string[], next: string }}
 */
export function addFamily(root, name, like = "qwen3-moe") {
  const files = new WorkspaceFiles(root);
  const families = familiesOf(files);
  if (!families.includes(like)) throw new NewError("--like", `one of ${families.join(", ")}`, JSON.stringify(like));
  if (existsSync(join(root, "packages", name))) throw new NewError("name", "one that no package has", name);
  const theirs = `packages/${like}`;
  const { description } = JSON.parse(files.read(`${theirs}/package.json`));
  const from = namesOf(like, description.split(" ")[0]);
  const to = namesOf(name);
  const copy = (/** @type {string} */ path) => rename(files.read(`${theirs}/${path}`), from, to);
  const add = (/** @type {string} */ path, /** @type {string} */ text) => files.add(`packages/${name}/${path}`, text);

  for (const path of ["package.json", "tsconfig.json", "tsconfig.test.json", "LICENSE"]) add(path, copy(path));
  for (const file of readdirSync(join(root, theirs, "src")))
    add(`src/${file.replace(like, name)}`, copy(`src/${file}`));
  add("README.md", readmeOf(copy("README.md"), from, to));
  add(`test/${name}.test.ts`, testOf(to, files.read(`${theirs}/src/config.ts`)));
  files.add(`.changeset/${name}.md`, `---\n"@mixtape/${name}": minor\n---\n\n${to.title}, a new family.\n`);
  enter(files, from, to);
  return {
    files: files.write(),
    next: `npm install && npm run build -- --filter=@mixtape/mixtape
npm test -- --filter=@mixtape/${name}

It computes what ${from.title} computes. Change packages/${name}/src until it computes what ${to.title} does: docs/add-a-family.md.`,
  };
}

/** Returns the existing families, from the import rules. */
function familiesOf(/** @type {WorkspaceFiles} */ files) {
  const list = /const FAMILIES = \[([^\]]*)\]/.exec(files.read(".dependency-cruiser.cjs"))?.[1] ?? "";
  return [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => String(name));
}

/**
 * Adds a family to the lists.
 * @param {WorkspaceFiles} files
 * @param {import("./names.js").Names} from
 * @param {import("./names.js").Names} to
 */
function enter(files, from, to) {
  files.edit(".dependency-cruiser.cjs", new RegExp(`"${from.kebab}"`, "g"), `"${from.kebab}", "${to.kebab}"`);
  files.editJson("tsconfig.json", ({ references }) => insertReference(references, "packages/", from.kebab, to.kebab));
  for (const [path, group] of [
    ["tools/packages/package.json", "devDependencies"],
    ["packages/mixtape/package.json", "dependencies"],
  ])
    files.editJson(String(path), (manifest) => {
      const entries = Object.entries(manifest[String(group)]);
      const at = entries.findIndex(([name]) => name === `@mixtape/${from.kebab}`);
      const range = entries[at]?.[1];
      manifest[String(group)] = Object.fromEntries(entries.toSpliced(at + 1, 0, [`@mixtape/${to.kebab}`, range]));
    });
  files.editJson("packages/mixtape/tsconfig.json", ({ references }) =>
    insertReference(references, "../", from.kebab, to.kebab),
  );
  const registry = "packages/mixtape/src/families.ts";
  const exported = files.read(`packages/${from.kebab}/src/index.ts`);
  const heads = ["ForCausalLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "Model"];
  const classes = heads.filter((head) => exported.includes(from.pascal + head)).map((head) => to.pascal + head);
  files.edit(registry, /^import /m, `import { ${classes.join(", ")} } from "@mixtape/${to.kebab}";\nimport `);
  files.edit(registry, /(const BUILT_IN = \[[^\]]*?),?\s*\]/, `$1, ${classes.join(", ")}]`);
  files.edit("docs/architecture.md", new RegExp(`${from.kebab} · `), `${from.kebab} · ${to.kebab} · `);
  files.edit("docs/architecture.md", new RegExp(`\`${from.kebab}\``), `\`${from.kebab}\`, \`${to.kebab}\``);
  files.edit(
    "README.md",
    new RegExp(`^(\\| \\[\`@mixtape/${from.kebab}\`\\].*\\n)`, "m"),
    `$1| [\`@mixtape/${to.kebab}\`](packages/${to.kebab}) | ${to.title} |\n`,
  );
}

function insertReference(
  /** @type {{ path: string }[]} */ references,
  /** @type {string} */ folder,
  /** @type {string} */ after,
  /** @type {string} */ name,
) {
  references.splice(references.findIndex(({ path }) => path === folder + after) + 1, 0, { path: folder + name });
}

/**
 * Returns the other family's README, reduced to the parts that are true for the new one.
 * @param {string} copy
 * @param {import("./names.js").Names} from
 * @param {import("./names.js").Names} to
 */
function readmeOf(copy, from, to) {
  const [install, example] = copy.match(/^```\w+\n[\s\S]*?^```$/gm) ?? [];
  const errors = /^## Errors\n[\s\S]*/m.exec(copy)?.[0] ?? "";
  return `# @mixtape/${to.kebab}

${to.title} on [TensorFlow.js](https://www.tensorflow.org/js), from Hugging Face checkpoints. It was made as a copy of ${from.title}, and computes
what that computes.

${install}

Any TensorFlow.js backend does; \`@tensorflow/tfjs-backend-cpu\` is the one of this example. \`@mixtape/engine\` sets up faster ones.

${example}

## API

- \`${to.pascal}ForCausalLM\`: \`fromPretrained(folder)\`, \`forward\`, \`createCache\`, \`initialize\`, \`savePretrained\`, \`dispose\`, as
  [@mixtape/decoder](../decoder/README.md) says of every \`ForCausalLM\`.
- \`${to.camel}Config\`: reads and writes \`config.json\`, \`${to.camel}Config.create({ … })\` makes a config; see
  [@mixtape/config](../config/README.md).

${errors}`;
}

/** Small values of fields that some families have, whose defaults are those of a large model. */
const SMALL = [
  "sharedExpertIntermediateSize: 20",
  "nGroup: 2",
  "topkGroup: 1",
  "firstKDenseReplace: 1",
  "qLoraRank: 16",
  "kvLoraRank: 16",
  "qkRopeHeadDim: 8",
  "qkNopeHeadDim: 8",
  "vHeadDim: 8",
  "fullAttentionInterval: 2",
  "linearKeyHeadDim: 8",
  "linearValueHeadDim: 8",
  "linearNumKeyHeads: 2",
  "linearNumValueHeads: 4",
  "eosTokenId: 2",
];

/**
 * Returns a test that runs the conformance suite on a small config with random weights, since there are no golden files
 * yet.
 * @param {import("./names.js").Names} to
 * @param {string} config the config's source
 */
function testOf({ pascal, camel, title }, config) {
  const has = (/** @type {string} */ field) => new RegExp(`^ {4}${field}: \\w+\\(`, "m").test(config);
  const widths = has("moeIntermediateSize")
    ? ["intermediateSize: 40", "moeIntermediateSize: 12"]
    : ["intermediateSize: 12"];
  // In latent attention each head has its own keys and values, and its widths are fields of their own.
  const heads = has("kvLoraRank") ? ["numKeyValueHeads: 4"] : ["numKeyValueHeads: 2", "headDim: 8"];
  const fields = [...widths, ...heads, ...SMALL.filter((field) => has(String(field.split(":")[0])))];
  return `import { conformance } from "@mixtape/testing";
import { ${camel}Config, ${pascal}ForCausalLM } from "../src/index.js";

// Random weights. Golden files of the reference are a stronger test: docs/add-a-family.md creates them for ${title}.
conformance(${pascal}ForCausalLM, {
  config: ${camel}Config.create({
    vocabSize: 97,
    hiddenSize: 32,
    numHiddenLayers: 3,
    numAttentionHeads: 4,
    ${fields.join(",\n    ")},
    numExperts: 6,
    numExpertsPerTok: 2,
    maxPositionEmbeddings: 128,
  }),
});
`;
}
