/**
 * `npm run new -- family NAME` and `npm run new -- variant NAME`: writes the files of a new family or variant, and adds
 * them to the workspace's lists of packages. Both start as a copy of an existing one (`--like`), which works before
 * anyone edits it.
 */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { argv, execPath, exit, stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { addFamily } from "./family.js";
import { NewError } from "./new-error.js";
import { addVariant } from "./variant.js";

const USAGE = `npm run new -- family NAME [--like FAMILY]     a package in packages/NAME. Default: like qwen3-moe
npm run new -- variant NAME [--like VARIANT]   a file in examples/variants/src. Default: like shared-mixtral

NAME is in kebab case: olmoe, my-moe.
`;

const { positionals, values } = read(argv.slice(2));
const [kind, name, ...more] = positionals;
const add = { family: addFamily, variant: addVariant }[kind ?? ""];
if (values.help || !add || name === undefined || more.length > 0) {
  (values.help ? stdout : stderr).write(USAGE);
  exit(values.help ? 0 : 2);
}
try {
  const { files, next } = add(values.root, name, values.like);
  format(files);
  for (const file of files) stdout.write(`${file}\n`);
  stdout.write(`\n${next}\n`);
} catch (error) {
  if (!(error instanceof NewError)) throw error;
  stderr.write(`${error.message}\n`);
  exit(1);
}

/** Reads the command line; of a wrong one, says why and exits. */
function read(/** @type {string[]} */ args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        like: { type: "string" },
        // Output folder: tests pass a copy of the workspace.
        root: { type: "string", default: fileURLToPath(new URL("../..", import.meta.url)) },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    stderr.write(`${/** @type {Error} */ (error).message}\n\n${USAGE}`);
    return exit(2);
  }
}

/** Imports and lines change their order and length with the names in them. */
function format(/** @type {string[]} */ files) {
  const biome = join(values.root, "node_modules/@biomejs/biome/bin/biome");
  const code = files.filter((file) => /\.(ts|json|cjs)$/.test(file));
  const { status, stderr: errors } = spawnSync(execPath, [biome, "check", "--write", "--vcs-enabled=false", ...code], {
    cwd: values.root,
    encoding: "utf8",
  });
  if (status !== 0) throw new NewError("biome", "files that it can format", errors);
}
