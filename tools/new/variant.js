import { readdirSync } from "node:fs";
import { join } from "node:path";
import { namesOf, rename } from "./names.js";
import { NewError } from "./new-error.js";
import { WorkspaceFiles } from "./workspace-files.js";

const FOLDER = "examples/variants";

/**
 * Writes a variant of a family, as a copy of another variant, and its test.
 *
 * @param {string} root
 * @param {string} name
 * @param {string} [like]
 * @returns {{ files: string[], next: string }}
 */
export function addVariant(root, name, like = "shared-mixtral") {
  const files = new WorkspaceFiles(root);
  const configs = files.read(`${FOLDER}/test/small.ts`);
  const to = namesOf(name);
  const from = namesOf(like);
  const variants = readdirSync(join(root, FOLDER, "src"))
    .map((file) => file.replace(/\.ts$/, ""))
    .filter((variant) => configs.includes(`export const ${namesOf(variant).camel} =`));
  if (!variants.includes(like)) throw new NewError("--like", `one of ${variants.join(", ")}`, JSON.stringify(like));

  files.add(`${FOLDER}/src/${name}.ts`, rename(files.read(`${FOLDER}/src/${like}.ts`), from, to));
  files.add(
    `${FOLDER}/test/${name}.test.ts`,
    `import { conformance } from "@mixtape/testing";
import { ${to.pascal}ForCausalLM } from "../src/${name}.js";
import { ${from.camel} } from "./small.js";

conformance(${to.pascal}ForCausalLM, { config: ${to.pascal}ForCausalLM.family.config.create(${from.camel}) });
`,
  );
  return {
    files: files.write(),
    next: `npm test -- --filter=example-variants -- ${name}

It is ${like} under another name. Change ${FOLDER}/src/${name}.ts; docs/add-a-family.md says what a variant may override.`,
  };
}
