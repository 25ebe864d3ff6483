/** Choosing an engine. */

import { getBackend, setBackend, engine as tfjs } from "@tensorflow/tfjs-core";
import { quiet } from "./backend.js";
import { checkEngineOptions } from "./check-options.js";
import type { Engine, EngineName, EngineOptions, EngineSource, EngineStatus, PassedOver } from "./engine.js";
import { EngineError, messageOf } from "./engine-error.js";
import { findSource, SOURCES } from "./engines/sources.js";

/** On the global object, like TensorFlow.js's own state: a second install of this package sees the same engine. */
const CURRENT = Symbol.for("mixtape.engine.current");
const state = globalThis as { [CURRENT]?: Engine };

/** One at a time: a choice changes the state that the next one starts from. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Prepares an engine and makes it the current one. Existing tensors move to it when they are next used.
 *
 * `"auto"` takes the first that works of
 * - `native`, in Node, if there is a binary for the platform;
 * - `tensorflow`, if tfjs-node-gpu or tfjs-node is installed. With CUDA, choose it by name: `native` comes first and
 *   does not use the GPU;
 * - `webgpu`, in a browser whose adapter is hardware;
 * - `wasm`;
 * - `cpu`.
 *
 * `passedOver` lists the engines that it tried before and why they do not work, such as an installed tfjs-node that
 * does not load.
 *
 * An engine chosen by name is that engine or an error, never another. Each call sets all options of its engine: omitted
 * ones take their defaults, whatever an earlier call set.
 *
 * @throws {EngineError} if the engine does not work here (the message has the reason, the engines that do work, and how
 *   to get this one), or if an option has an invalid value
 * @throws {OptionError} for an option that no engine has
 */
export function useEngine(name: EngineName | "auto" = "auto", options: EngineOptions = {}): Promise<Engine> {
  return next(async () => {
    checkEngineOptions(options);
    const engine = await (name === "auto" ? automatic(options) : chosen(name, options));
    state[CURRENT] = engine;
    return engine;
  });
}

/**
 * Returns the current engine.
 *
 * @throws {EngineError} if none was chosen, or TensorFlow.js's backend was changed without {@link useEngine}
 */
export function currentEngine(): Engine {
  const engine = state[CURRENT];
  const fix = "Call await useEngine() first";
  if (!engine) throw new EngineError({ where: "currentEngine", expected: "an engine in use", got: "none", fix });
  if (getBackend() === engine.backend) return engine;
  throw new EngineError({
    where: "currentEngine",
    expected: `the backend "${engine.backend}", which useEngine set`,
    got: `"${getBackend()}"`,
    fix: "Change it with useEngine, not with tf.setBackend",
  });
}

/**
 * Tries every engine. The current one stays in use.
 *
 * The result is reliable because each engine is loaded: `tensorflow` takes a second and some hundred megabytes.
 */
export function listEngines(): Promise<EngineStatus[]> {
  return next(async () => {
    const before = tfjs().backendName;
    const statuses: EngineStatus[] = [];
    for (const source of SOURCES) {
      const { available, detail } = await describe(source).then(
        (description) => ({ available: true, detail: description }),
        (error: unknown) => ({ available: false, detail: messageOf(error) }),
      );
      statuses.push({ name: source.name, available, detail, howToGet: source.howToGet });
    }
    if (before) await setBackend(before);
    return statuses;
  });
}

/**
 * Lists the engines whose weight storage and expert kernels are known here, whether they work or not: all of them, but
 * `native` only if its binary loads. No engine is prepared.
 */
export function knownEngines(): Promise<EngineName[]> {
  return next(async () => {
    const names: EngineName[] = [];
    for (const { name, introduce } of SOURCES) {
      try {
        await introduce?.();
        names.push(name);
      } catch {
        // Nothing is known about it; whoever chooses it gets the reason.
      }
    }
    return names;
  });
}

async function automatic(options: EngineOptions): Promise<Engine> {
  const passedOver: PassedOver[] = [];
  for (const source of SOURCES) {
    if (!(await source.automatic())) continue;
    try {
      return { name: source.name, ...(await source.prepare(options)), passedOver };
    } catch (error) {
      passedOver.push({ name: source.name, reason: messageOf(error) });
    }
  }
  const got = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  throw new EngineError({ where: 'engine "auto"', expected: "an engine that works here", got });
}

async function chosen(name: EngineName, options: EngineOptions): Promise<Engine> {
  const source = findSource(name);
  if (!source) {
    const names = SOURCES.map((known) => known.name).join(", ");
    throw new EngineError({ where: "useEngine", expected: `one of auto, ${names}`, got: JSON.stringify(name) });
  }
  try {
    return { name, ...(await source.prepare(options)), passedOver: [] };
  } catch (cause) {
    throw new EngineError({
      where: `engine "${name}"`,
      expected: "an engine that works here",
      got: messageOf(cause),
      fix: `To get it: ${source.howToGet}. These work here: ${(await others(source)).join("; ")}`,
      cause,
    });
  }
}

/** Lists the other engines that work, for an error. */
async function others(failed: EngineSource): Promise<string[]> {
  const before = tfjs().backendName;
  const working: string[] = [];
  for (const source of SOURCES) {
    if (source === failed) continue;
    try {
      working.push(`${source.name} (${await describe(source)})`);
    } catch {
      // It does not work either, and was not requested.
    }
  }
  if (before) await setBackend(before);
  return working;
}

/** Describes a working engine. The current one is not prepared again: that would reset its options. */
async function describe({ name, prepare }: EngineSource): Promise<string> {
  const used = state[CURRENT];
  if (used?.name === name && used.backend === tfjs().backendName) return used.description;
  return (await prepare({})).description;
}

/** Runs `work` after earlier requests, with TensorFlow.js's warnings off. */
function next<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(() => quiet(work));
  turn = result.catch(() => undefined);
  return result;
}
