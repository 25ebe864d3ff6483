/**
 * The process that measures llama.cpp, through node-llama-cpp: `llama-cpp.js FOLDER REQUEST`, where FOLDER is its
 * installation. Its last line is the answer.
 */

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { pathToFileURL } from "node:url";
import { runTasks, type Writer } from "../child/run-tasks.js";
import type { Found } from "../runners/runner.js";
import type { Task } from "../tasks.js";
import { type FlashAttention, fastestFlashAttention, vocabSizeOf, write } from "./flash-attention.js";
import type { Llama, LlamaSequence, NodeLlamaCpp } from "./llama-cpp-api.js";

/** Request to the process. */
export type LlamaRequest =
  | { readonly kind: "find" }
  | { readonly kind: "run"; readonly gguf: string; readonly tasks: readonly Task[] };

const [folder, request] = argv.slice(2) as [string, string];
const answer = await answerTo(JSON.parse(request) as LlamaRequest);
console.log(JSON.stringify(answer));
// Its threads would keep the process alive.
exit();

async function answerTo(asked: LlamaRequest): Promise<object> {
  return asked.kind === "find" ? find() : runTasks(asked.tasks, () => load(asked));
}

/** Finds the build for this processor: there are several, and the best that runs is used. */
async function find(): Promise<Found> {
  const { version } = JSON.parse(readFileSync(join(packageFolder(), "package.json"), "utf8")) as { version: string };
  const info = JSON.parse(readFileSync(join(packageFolder(), "llama", "llama.cpp.info.json"), "utf8")) as {
    tag: string;
  };
  const { systemInfo } = await start();
  const wanted = /AVX512_BF16|AVX512|AVX2|AMX_INT8|NEON|SVE/;
  const features = [...systemInfo.matchAll(/(\w+) = 1/g)].map(([, name]) => name!).filter((name) => wanted.test(name));
  return {
    description: `node-llama-cpp ${version}, llama.cpp ${info.tag}; ${availableParallelism()} threads; ${features.join(", ")}`,
  };
}

async function load({ gguf, tasks }: LlamaRequest & { kind: "run" }): Promise<Writer> {
  const llama = await start();
  const model = await llama.loadModel({ modelPath: gguf, gpuLayers: 0, useMmap: true, useMlock: false });
  let flash: FlashAttention = { prefill: "auto", decode: "auto" };
  const contexts = new Map<string, LlamaSequence[]>();
  const sequencesFor = async ({ measures, rows = 1 }: Task): Promise<LlamaSequence[]> => {
    const flashAttention = measures === "decode" ? flash.decode : flash.prefill;
    const key = `${rows} ${flashAttention}`;
    const known = contexts.get(key);
    if (known) return known;
    const alike = tasks.filter((task) => (task.rows ?? 1) === rows);
    const context = await model.createContext({
      sequences: rows,
      contextSize: Math.max(...alike.map(({ promptTokens, newTokens }) => promptTokens + newTokens)),
      threads: availableParallelism(),
      flashAttention,
    });
    const sequences = Array.from({ length: rows }, () => context.getSequence());
    contexts.set(key, sequences);
    return sequences;
  };
  return {
    vocabSize: vocabSizeOf(model),
    choose: async () => {
      flash = await fastestFlashAttention(model);
      const named = (on: boolean | "auto"): string => (on ? "with" : "without");
      return `prefill ${named(flash.prefill)} flash attention, decoding ${named(flash.decode)}`;
    },
    write: async function* (prompts, task) {
      yield* write(await sequencesFor(task), prompts, task.newTokens);
    },
  };
}

async function start(): Promise<Llama> {
  const entry = pathToFileURL(join(packageFolder(), "dist", "index.js")).href;
  const { getLlama } = (await import(entry)) as NodeLlamaCpp;
  return getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: availableParallelism() });
}

function packageFolder(): string {
  return join(folder, "node_modules", "node-llama-cpp");
}
