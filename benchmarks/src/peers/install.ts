import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { NODE_PEERS, VENV } from "./folder.js";

/** Version of the manual's figures. */
const NODE_LLAMA_CPP = "node-llama-cpp@3.22.1";
/** Versions of the golden files. */
const REQUIREMENTS = fileURLToPath(new URL("../../../tools/reference/requirements.txt", import.meta.url));

/** Installs the peers, outside this repository's own `node_modules`. Nothing is compiled. */
export async function installPeers(log: (line: string) => void): Promise<void> {
  log(`${NODE_LLAMA_CPP} into ${NODE_PEERS}`);
  await mkdir(NODE_PEERS, { recursive: true });
  await writeFile(join(NODE_PEERS, "package.json"), '{ "private": true }\n');
  await run("npm", ["install", "--ignore-scripts", NODE_LLAMA_CPP], NODE_PEERS);
  if (env.MIXTAPE_BENCH_PYTHON) return log("MIXTAPE_BENCH_PYTHON is set: torch and transformers are left to it");
  log(`torch and transformers into ${VENV}`);
  await run("python3", ["-m", "venv", VENV], NODE_PEERS);
  await run(join(VENV, "bin", "python"), ["-m", "pip", "install", "-r", REQUIREMENTS], NODE_PEERS);
}

async function run(file: string, args: string[], cwd: string): Promise<void> {
  const [code] = (await once(spawn(file, args, { cwd, stdio: ["ignore", "inherit", "inherit"] }), "exit")) as [
    number | null,
  ];
  if (code !== 0) throw new Error(`${[file, ...args].join(" ")}: expected exit code 0, got ${code}`);
}
