import type { Deferral } from "@mixtape/ops";
import { dispose, type TensorContainer } from "@tensorflow/tfjs-core";
import { type Addon, addon, withAddon } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import { BufferPool } from "./buffer-pool.js";
import { type AddonCall, CAPTURABLE, graphOf, wrapAddon } from "./capturable.js";
import { flushBeforeReads } from "./graph-break.js";

/** Functions that neither read nor write what queued calls do. */
const INDEPENDENT: ReadonlySet<string> = new Set([
  "info",
  "createKeyValueStore",
  "keyValueStoreBytes",
  "splitWeight",
] satisfies (keyof Addon)[]);

/** Queues the calls of the addon that a function makes, and makes them on another thread. */
export class NativeDeferral implements Deferral {
  readonly #backend: () => NativeBackend;
  /** Pools that no queue uses now: arrays that a queue has released are written by its later calls. */
  readonly #pools: BufferPool[] = [];

  constructor(backend: () => NativeBackend) {
    this.#backend = backend;
  }

  async run<T>(f: () => T, signal?: AbortSignal): Promise<T> {
    const pool = this.#pools.pop() ?? new BufferPool();
    const queue = new CallQueue(addon());
    try {
      const result = this.#backend().withPool(pool, () => queue.during(f));
      try {
        await queue.run(signal);
      } catch (error) {
        dispose(result as TensorContainer);
        throw error;
      }
      return result;
    } finally {
      this.#pools.push(pool);
    }
  }
}

/** Calls of the addon that are not made yet. */
class CallQueue {
  readonly #addon: Addon;
  #calls: AddonCall[] = [];

  constructor(own: Addon) {
    this.#addon = own;
  }

  /** Runs `f` and queues its calls. */
  during<T>(f: () => T): T {
    const queueing = wrapAddon(this.#addon, (name, call) => (...args) => {
      if (CAPTURABLE.has(name)) {
        this.#calls.push({ name, args });
        return undefined;
      }
      if (!INDEPENDENT.has(name)) this.#flush();
      return call(...args);
    });
    return withAddon(queueing, () => flushBeforeReads(() => this.#flush(), f));
  }

  /** Makes the calls on another thread. @throws the signal's reason, and what a call throws */
  async run(signal?: AbortSignal): Promise<void> {
    const graph = this.#take();
    signal?.throwIfAborted();
    if (!graph) return;
    const cancel = (): void => this.#addon.cancelGraph(graph);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      if (!(await this.#addon.runGraph(graph))) signal?.throwIfAborted();
    } finally {
      signal?.removeEventListener("abort", cancel);
      this.#addon.release(graph);
    }
  }

  /** Makes the calls at once. */
  #flush(): void {
    const graph = this.#take();
    if (!graph) return;
    try {
      this.#addon.replayGraph(graph, new Int32Array(1));
    } finally {
      // It keeps weights and arrays, which a collection would free late.
      this.#addon.release(graph);
    }
  }

  #take(): ReturnType<typeof graphOf> | undefined {
    const calls = this.#calls;
    this.#calls = [];
    return calls.length > 0 ? graphOf(this.#addon, calls) : undefined;
  }
}
