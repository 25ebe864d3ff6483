import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NODE_PEERS } from "../peers/folder.js";
import type { LlamaRequest } from "../peers/llama-cpp.js";
import { ggufOf } from "../shapes/shape.js";
import { ask, type Command, sample } from "./child.js";
import type { Answer, Found, Runner } from "./runner.js";

const CHILD = fileURLToPath(new URL("../peers/llama-cpp.js", import.meta.url));

/** llama.cpp, through node-llama-cpp. */
export const llamaCpp: Runner = {
  name: "llama.cpp",
  peer: true,
  reads: ggufOf,
  find: async () =>
    existsSync(join(NODE_PEERS, "node_modules", "node-llama-cpp"))
      ? ask<Found>(command({ kind: "find" }))
      : { missing: "node-llama-cpp is not installed. `npm run bench -- --install-peers` installs it." },
  run: (files, tasks) => sample<Answer>(command({ kind: "run", gguf: ggufOf(files), tasks })),
};

function command(request: LlamaRequest): Command {
  return { file: process.execPath, args: [CHILD, NODE_PEERS, JSON.stringify(request)] };
}
