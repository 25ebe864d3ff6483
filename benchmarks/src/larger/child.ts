/** The process that measures Mixtape on given tokens: `child.js REQUEST`. Its last line is the answer. */

import { readFileSync } from "node:fs";
import { argv, env } from "node:process";
import { loadModel, loadTokenizer, openGguf, useEngine } from "@mixtape/mixtape";
import { timed } from "../child/repeat.js";
import { STARTED } from "../runners/child.js";
import { parseStatus } from "../runners/memory.js";

/** Tokens are given, not chosen: a model with random weights repeats itself, and then its routing does too. */
export interface Request {
  readonly gguf: string;
  readonly threads: number;
  /** Tokens that are read first; the first token's time is that after them. */
  readonly prompt: readonly number[];
  /** Tokens that follow, one step each. */
  readonly tokens: readonly number[];
  /** Tokens that are read at once from an empty cache, and how many times. */
  readonly prefill: readonly number[];
  readonly prefills: number;
  /** For llama.cpp: whether weights are packed again in memory, its default. */
  readonly repack?: boolean;
}

export interface Answer {
  /** Times from the start of the process. */
  readonly loadMs: number;
  readonly firstTokenMs: number;
  readonly stepMs: readonly number[];
  /** Bytes read from the disk since the first token, after each step. */
  readonly readBytes: readonly number[];
  readonly prefillMs: readonly number[];
  readonly anonymousBytes: number;
}

const request = JSON.parse(argv[2]!) as Request;
console.log(JSON.stringify(await measure(request)));

async function measure({ gguf, threads, prompt, tokens, prefill, prefills }: Request): Promise<Answer> {
  await useEngine("native", { threads });
  // As the command line does: the tokenizer is part of a start.
  const file = await openGguf(gguf);
  await loadTokenizer(file);
  const model = await loadModel(file, { onWarning: () => {} });
  const loadMs = sinceStart();
  let cache = model.createCache();
  const step = async (ids: readonly number[]): Promise<void> => {
    const { logits } = model.forward({ inputIds: [[...ids]], cache, logitsToKeep: 1, captureGraph: true });
    await logits.data();
    logits.dispose();
  };
  await step(prompt);
  const firstTokenMs = sinceStart();
  const before = bytesRead();
  const stepMs: number[] = [];
  const readBytes: number[] = [];
  for (const token of tokens) {
    stepMs.push(await timed(() => step([token])));
    readBytes.push(bytesRead() - before);
  }
  const prefillMs: number[] = [];
  for (let i = 0; i < prefills; i++) {
    cache.dispose();
    cache = model.createCache();
    prefillMs.push(await timed(() => step(prefill)));
  }
  const anonymousBytes = parseStatus(readFileSync("/proc/self/status", "utf8"))!.anonymousBytes;
  return { loadMs, firstTokenMs, stepMs, readBytes, prefillMs, anonymousBytes };
}

function sinceStart(): number {
  return performance.timeOrigin + performance.now() - Number(env[STARTED]);
}

function bytesRead(): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))![1]);
}
