/**
 * Runs the model in a worker, so that the page stays responsive while the model computes.
 *
 * Requests run one at a time. A new request ends the one before it.
 */

import { type ForCausalLM, loadModel, loadTokenizer, streamText, type Tokenizer, useEngine } from "@mixtape/mixtape";
import type { Progress, Reply, Request } from "./messages.js";

type Load = Extract<Request, { kind: "load" }>;
type Write = Extract<Request, { kind: "write" }>;

let ready: { model: ForCausalLM; tokenizer: Tokenizer } | undefined;
let work: Promise<void> = Promise.resolve();
let underWay = new AbortController();

const send = (reply: Reply): void => postMessage(reply);

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  underWay.abort();
  if (data.kind === "stop") return;
  underWay = new AbortController();
  const { signal } = underWay;
  work = work.then(() => perform(data, signal));
});

async function perform(request: Load | Write, signal: AbortSignal): Promise<void> {
  try {
    await (request.kind === "load" ? load(request, signal) : write(request, signal));
  } catch (error) {
    if (signal.aborted) send({ kind: "stopped" });
    else send({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

async function load({ source: from, engine: name }: Load, signal: AbortSignal): Promise<void> {
  const begin = performance.now();
  const source = typeof from === "string" ? new URL(from) : from;
  ready?.model.dispose();
  ready = undefined;
  // The .wasm files are beside this script.
  const engine = await useEngine(name, { wasmPath: new URL("wasm/", location.href).href });
  const tokenizer = await loadTokenizer(source);
  const model = await loadModel(source, {
    signal,
    onProgress: (progress) => send({ kind: "loading", ...progress }),
    onWarning: ({ message }) => send({ kind: "warning", message }),
  });
  ready = { model, tokenizer };
  send({
    kind: "loaded",
    modelType: model.config.modelType,
    parameters: [...model.namedParameters()].reduce((sum, [, { size }]) => sum + size, 0),
    engine: `${engine.name} (${engine.description})`,
    passedOver: engine.passedOver,
    seconds: (performance.now() - begin) / 1000,
  });
}

async function write({ kind: _, prompt, ...options }: Write, signal: AbortSignal): Promise<void> {
  if (!ready) throw new Error("There is no model yet: load one first.");
  const { model, tokenizer } = ready;
  let tokens = 0;
  let firstCame = 0;
  for await (const { text, finishReason } of streamText(model, tokenizer, prompt, { ...options, signal })) {
    tokens++;
    if (tokens === 1) firstCame = performance.now();
    const progress: Progress = {
      tokens,
      tokensPerSecond: tokens > 1 ? ((tokens - 1) * 1000) / (performance.now() - firstCame) : null,
    };
    send({ kind: "text", text, progress });
    if (finishReason) send({ kind: "end", reason: finishReason, progress });
  }
}
