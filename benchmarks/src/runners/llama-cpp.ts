import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readConfig } from "@mixtape/decoder";
import { NODE_PEERS } from "../peers/folder.js";
import type { LlamaRequest } from "../peers/llama-cpp.js";
import { ask, type Command, sample } from "./child.js";
import type { Answer, Found, Runner } from "./runner.js";

const CHILD = fileURLToPath(new URL("../peers/llama-cpp.js", import.meta.url));

/** llama.cpp, through node-llama-cpp. */
export const llamaCpp: Runner = {
  name: "llama.cpp",
  peer: true,
  reads: "gguf",
  find: async () =>
    existsSync(join(NODE_PEERS, "node_modules", "node-llama-cpp"))
      ? ask<Found>(command({ kind: "find" }))
      : { missing: "node-llama-cpp is not installed. `npm run bench -- --install-peers` installs it." },
  run: async ({ folder, gguf }, tasks) => {
    if (gguf === null) throw new Error(`llama.cpp: expected a GGUF file beside ${folder}, got none`);
    const { json } = await readConfig(folder);
    return sample<Answer>(command({ kind: "run", gguf, vocabSize: Number(json.vocab_size), tasks }));
  },
};

function command(request: LlamaRequest): Command {
  return { file: process.execPath, args: [CHILD, NODE_PEERS, JSON.stringify(request)] };
}
