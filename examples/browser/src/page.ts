/** The page: sends the user's actions to the worker, and shows its replies. */

import type { Progress, Reply, Request } from "./messages.js";

function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new TypeError(`#${id} is no ${kind.name}`);
}

const engine = element("engine", HTMLSelectElement);
const files = element("files", HTMLInputElement);
const loadSample = element("load-sample", HTMLButtonElement);
const progressBar = element("progress", HTMLProgressElement);
const modelStatus = element("model", HTMLParagraphElement);
const warnings = element("warnings", HTMLParagraphElement);
const form = element("write", HTMLFormElement);
const prompt = element("prompt", HTMLTextAreaElement);
const temperature = element("temperature", HTMLInputElement);
const maxNewTokens = element("max-new-tokens", HTMLInputElement);
const seed = element("seed", HTMLInputElement);
const start = element("start", HTMLButtonElement);
const stop = element("stop", HTMLButtonElement);
const result = element("result", HTMLElement);
const asked = element("asked", HTMLSpanElement);
const written = element("written", HTMLSpanElement);
const speed = element("speed", HTMLParagraphElement);

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const ask = (request: Request): void => worker.postMessage(request);

let state: "empty" | "loading" | "ready" | "writing" = "empty";
let lastProgress: Progress = { tokens: 0, tokensPerSecond: null };

function enter(next: typeof state): void {
  state = next;
  const busy = state === "loading" || state === "writing";
  document.body.classList.toggle("busy", busy);
  loadSample.disabled = files.disabled = engine.disabled = busy;
  start.disabled = state !== "ready";
  stop.disabled = !busy;
  progressBar.hidden = state !== "loading";
}

function show(status: HTMLElement, text: string, { fault = false } = {}): void {
  status.textContent = text;
  status.classList.toggle("fault", fault);
}

function load(source: string | ReadonlyMap<string, File>): void {
  enter("loading");
  progressBar.removeAttribute("value");
  show(modelStatus, "Loading…");
  warnings.hidden = true;
  warnings.textContent = "";
  ask({ kind: "load", source, engine: engine.value as Extract<Request, { kind: "load" }>["engine"] });
}

function write(): void {
  enter("writing");
  result.hidden = false;
  asked.textContent = prompt.value;
  written.textContent = "";
  lastProgress = { tokens: 0, tokensPerSecond: null };
  show(speed, "Reading the prompt…");
  ask({
    kind: "write",
    prompt: prompt.value,
    maxNewTokens: maxNewTokens.valueAsNumber,
    temperature: temperature.valueAsNumber,
    seed: seed.valueAsNumber,
  });
}

loadSample.addEventListener("click", () => load(new URL("model/", document.baseURI).href));
files.addEventListener("change", () => {
  const chosen = [...(files.files ?? [])];
  files.value = "";
  if (chosen.length > 0) load(new Map(chosen.map((file) => [file.name, file])));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (state === "ready") write();
});
stop.addEventListener("click", () => ask({ kind: "stop" }));

worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => answer(data));
worker.addEventListener("error", ({ message }) => answer({ kind: "failed", message: message || "The worker failed." }));

function answer(reply: Reply): void {
  switch (reply.kind) {
    case "warning":
      warnings.hidden = false;
      warnings.append(`${reply.message}. `);
      break;
    case "loading":
      progressBar.value = reply.loadedBytes / reply.totalBytes;
      show(modelStatus, `${mebibytes(reply.loadedBytes)} of ${mebibytes(reply.totalBytes)} MiB`);
      break;
    case "loaded":
      show(
        modelStatus,
        [
          `${reply.modelType}, ${(reply.parameters / 1e6).toFixed(1)} million parameters, on ${reply.engine}.`,
          ...reply.passedOver.map(({ name, reason }) => `Not on ${name}: ${reason}.`),
          `Loaded in ${reply.seconds.toFixed(1)} s.`,
        ].join(" "),
      );
      enter("ready");
      break;
    case "text":
      written.append(reply.text);
      lastProgress = reply.progress;
      show(speed, describe(lastProgress));
      break;
    case "end":
      show(speed, `${describe(reply.progress)}, ended by ${ENDS[reply.reason]}`);
      enter("ready");
      break;
    case "stopped":
      if (state === "writing") show(speed, `${describe(lastProgress)}, stopped`);
      else show(modelStatus, "Stopped. No model is loaded.");
      enter(state === "writing" ? "ready" : "empty");
      break;
    case "failed":
      show(state === "writing" ? speed : modelStatus, reply.message, { fault: true });
      enter(state === "writing" ? "ready" : "empty");
      break;
  }
}

const ENDS = { eos: "the model", stop: "a stop string", length: "the limit of its length" } as const;

function describe({ tokens, tokensPerSecond }: Progress): string {
  const count = `${tokens} ${tokens === 1 ? "token" : "tokens"}`;
  return tokensPerSecond === null ? count : `${count}, ${tokensPerSecond.toFixed(1)} a second`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

enter("empty");
