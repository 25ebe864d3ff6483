/** Loads a checkpoint from its folder onto an engine, with a progress bar. */

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { hubHint } from "@mixtape/errors";
import {
  type AnyModel,
  type Engine,
  explainSource,
  ForCausalLM,
  type GgufCheckpoint,
  type LoadModelOptions,
  type LoadWarning,
  loadModel,
  loadTokenizer,
  type ModelByTask,
  openGguf,
  type Task,
  type Tokenizer,
} from "@mixtape/mixtape";
import { type Adapter, loadAdapter } from "@mixtape/peft";
import { adapterHead } from "./adapter-head.js";
import { BytesBar } from "./bytes-bar.js";
import { note, warn } from "./colors.js";
import { chooseEngine, type EngineFlags } from "./engine.js";
import { InputError, InterruptedError } from "./failure.js";
import type { Interrupt } from "./interrupt.js";
import { isGguf } from "./path.js";
import { resizeForAdapter } from "./resize-for-adapter.js";

export { aboutAdapter } from "./about-adapter.js";
export { BytesBar } from "./bytes-bar.js";
export { chooseEngine, type EngineFlags } from "./engine.js";

/** Flags of the model and the engine. */
export interface LoadFlags extends EngineFlags {
  readonly model: string;
  /** Folder of an adapter. */
  readonly adapter?: string;
  readonly ignore?: readonly string[];
  readonly checkFinite?: boolean;
  /** Bytes that the weights may take. */
  readonly memory?: number;
}

/** Options of a new head. */
export type HeadOptions = Pick<LoadModelOptions, "config" | "seed">;

/** A loaded model with its engine. */
export interface Loaded<M extends AnyModel = ForCausalLM> {
  readonly engine: Engine;
  readonly model: M;
  /** Adapter of the model; null without `--adapter`. */
  readonly adapter: Adapter | null;
  /** Time of preparing the engine and loading the weights. */
  readonly loadMs: number;
}

/**
 * Prepares an engine and loads a model onto it.
 * @param task task of the model; `auto` for that of its config. Default: text generation.
 * @throws {InterruptedError} on Ctrl-C
 */
export function load<T extends Task>(
  flags: LoadFlags,
  interrupt: Interrupt,
  task: T,
  options?: HeadOptions,
): Promise<Loaded<ModelByTask[T]>>;
export function load(
  flags: LoadFlags,
  interrupt: Interrupt,
  task: Task | "auto",
  options?: HeadOptions,
): Promise<Loaded<AnyModel>>;
export function load(flags: LoadFlags, interrupt: Interrupt): Promise<Loaded>;
export async function load(
  { model: folder, adapter: from, ignore, checkFinite, memory, ...flags }: LoadFlags,
  interrupt: Interrupt,
  task: Task | "auto" = "text-generation",
  options: HeadOptions = {},
): Promise<Loaded<AnyModel>> {
  const begin = performance.now();
  checkModel(folder);
  if (from !== undefined) checkFolder(from, "adapter");
  const engine = await chooseEngine(flags);
  const bar = new BytesBar("loading");
  try {
    // The head of an adapter may differ from that of its base model.
    const head = task === "auto" && from !== undefined ? await adapterHead(from) : {};
    let fresh: LoadWarning | undefined;
    const model = await loadModel(await sourceOf(folder), {
      task,
      ...options,
      ...head,
      ignore,
      checkFinite,
      ...(memory !== undefined && { memory }),
      signal: interrupt.signal,
      onProgress: ({ loadedBytes, totalBytes }) => bar.show(loadedBytes, totalBytes),
      onWarning: (warning) => {
        if (warning.kind === "newly-initialized") fresh = warning;
        else warn(warning.message);
      },
    });
    const onWarning = (message: string): void => {
      bar.clear();
      note(message);
    };
    if (from !== undefined && model instanceof ForCausalLM) await resizeForAdapter(model, from);
    const adapter = from === undefined ? null : await loadAdapter(model, from, { ignore, onWarning });
    // An adapter that was trained with a head contains it.
    const copied = new Set(adapter?.copies.map(({ name }) => name));
    if (fresh && !fresh.names.every((name) => copied.has(name))) warn(fresh.message);
    return { engine, model, adapter, loadMs: performance.now() - begin };
  } catch (error) {
    throw interrupt.came ? new InterruptedError() : error;
  } finally {
    bar.clear();
  }
}

/** Loads the tokenizer of a checkpoint; null if it is optional and there is none. An invalid one is always an error. */
export async function loadTokenizerOf(folder: string, { optional }: { optional: boolean }): Promise<Tokenizer | null> {
  checkModel(folder);
  if (isGguf(folder)) {
    const file = await openGgufOnce(folder);
    return optional && file.metadata.get("tokenizer.ggml.model") === undefined ? null : loadTokenizer(file);
  }
  const config = join(folder, "config.json");
  // A folder without both is not a checkpoint, so the tokenizer is not what is missing.
  if (!existsSync(config))
    throw new InputError({
      where: config,
      expected: "a file",
      got: "none",
      fix: [await explainSource(folder), "A checkpoint in Hugging Face format has config.json beside its safetensors"]
        .filter(Boolean)
        .join(". "),
    });
  if (optional && !existsSync(join(folder, "tokenizer.json"))) return null;
  return loadTokenizer(folder);
}

const opened = new Map<string, Promise<GgufCheckpoint>>();

/** Opens a GGUF file. A command reads its header once, which takes as long as the rest of loading. */
function openGgufOnce(path: string): Promise<GgufCheckpoint> {
  const file = opened.get(path) ?? openGguf(path);
  opened.set(path, file);
  return file;
}

async function sourceOf(path: string): Promise<string | GgufCheckpoint> {
  return isGguf(path) ? openGgufOnce(path) : path;
}

/** @throws {InputError} if there is no folder and no GGUF file of that name */
export function checkModel(path: string): void {
  if (!(isGguf(path) && existsSync(path) && statSync(path).isFile())) checkFolder(path);
}

/** @throws {InputError} if the folder does not exist */
export function checkFolder(folder: string, kind: "model" | "adapter" = "model"): void {
  const isThere = existsSync(folder);
  if (isThere && statSync(folder).isDirectory()) return;
  throw new InputError({
    where: folder,
    expected:
      kind === "model"
        ? "a folder with config.json and safetensors files, or a GGUF file"
        : "a folder with adapter_config.json and safetensors files",
    got: isThere ? "a file" : "nothing of this name",
    fix: isThere
      ? "Pass the folder that contains it"
      : [`Check the path given as --${kind}`, hubHint(folder)].filter(Boolean).join(". "),
  });
}
