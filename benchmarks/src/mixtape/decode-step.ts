/** Work of one decode step: the kernels that it runs and the tensors that it reads back, by layer. */

import type { DecoderLayer, ForCausalLM } from "@mixtape/decoder";
import type { Cache, Module } from "@mixtape/layers";
import { MoeBlock } from "@mixtape/layers";
import { backend, engine, profile } from "@tensorflow/tfjs-core";

/** One kernel of a step, in execution order. */
export interface StepKernel {
  readonly name: string;
  readonly ms: number;
}

/** A part of a step. */
export interface Stretch {
  readonly kernels: readonly StepKernel[];
  /** Number of tensors that were read back from the engine. */
  readonly readBacks: number;
  /**
   * Number of tensors that the engine's own kernels read in the same way. With shared memory, a copy without waiting.
   */
  readonly readsInKernels: number;
}

/** The part of a decoder layer; `moe` is the MoE block alone, null for a dense layer. */
export interface LayerStretch extends Stretch {
  readonly moe: Stretch | null;
}

/** One decode step: everything that it ran, with its layers in order. */
export interface DecodeStep extends Stretch {
  readonly layers: readonly LayerStretch[];
}

/** Fills a cache with tokens, without computing logits. */
export function prefill(model: ForCausalLM, cache: Cache, ids: readonly number[]): void {
  model.forward({ inputIds: [ids], cache, logitsToKeep: 1, outputRouterLogits: false }).logits.dispose();
}

/**
 * Runs one step: a token in, its logits read back. With a captured graph, as in `generateTokens`, engines may repeat it
 * without JavaScript; otherwise JavaScript runs each kernel.
 */
export async function decodeOne(
  model: ForCausalLM,
  cache: Cache,
  id: number,
  { captureGraph = false } = {},
): Promise<void> {
  const { logits } = model.forward({
    inputIds: [[id]],
    cache,
    logitsToKeep: 1,
    outputRouterLogits: false,
    captureGraph,
  });
  await logits.data();
  logits.dispose();
}

/** Returns the kernels that `f` runs, timed by `tf.profile`. */
export async function kernelsOf(f: () => Promise<void>): Promise<StepKernel[]> {
  const { kernels } = await profile(async () => {
    await f();
    return [];
  });
  return kernels.map(({ name, kernelTimeMs }) => ({ name, ms: milliseconds(name, kernelTimeMs) }));
}

/** Runs {@link decodeOne} and reports the work of each layer. */
export async function watchDecodeStep(model: ForCausalLM, cache: Cache, id: number): Promise<DecodeStep> {
  const reads = countReads();
  const marks = new Map<Module, Mark>();
  const unmark = model.model.layers.flatMap((layer) => [layer, layer.mlp]).map((part) => mark(part, marks, reads));
  try {
    const ran = await kernelsOf(() => decodeOne(model, cache, id));
    const stretch = (part: Module): Stretch => {
      const [begin, end] = marks.get(part)!;
      return {
        kernels: ran.slice(begin.kernels, end.kernels),
        readBacks: end.readBacks - begin.readBacks,
        readsInKernels: end.readsInKernels - begin.readsInKernels,
      };
    };
    const layers = model.model.layers.map((layer: DecoderLayer) => ({
      ...stretch(layer),
      moe: layer.mlp instanceof MoeBlock ? stretch(layer.mlp) : null,
    }));
    return { kernels: ran, ...reads.counted(), layers };
  } finally {
    for (const undo of unmark) undo();
    reads.stop();
  }
}

/** Counts when a module began, and when it ended. */
type Mark = readonly [begin: Counted, end: Counted];
type Counted = Record<"kernels" | "readBacks" | "readsInKernels", number>;

/** Records the counts when a module's `forward` begins and ends, until the returned function is called. */
function mark(part: Module, marks: Map<Module, Mark>, reads: Reads): () => void {
  const module = part as Module & { forward(...args: unknown[]): unknown };
  const forward = module.forward;
  const counted = (): Counted => ({ kernels: engine().state.activeProfile.kernels.length, ...reads.counted() });
  const marked = (...args: unknown[]): unknown => {
    const begin = counted();
    const result = forward.apply(module, args);
    marks.set(part, [begin, counted()]);
    return result;
  };
  // Not enumerable: a module's enumerable fields are its parts.
  Object.defineProperty(module, "forward", { value: marked, configurable: true });
  return () => Reflect.deleteProperty(module, "forward");
}

interface Reads {
  counted(): Omit<Counted, "kernels">;
  stop(): void;
}

/** Counts reads from the current engine. */
function countReads(): Reads {
  const current = backend();
  const { read, readSync } = current;
  const counts = { readBacks: 0, readsInKernels: 0 };
  // A backend may read asynchronously by reading synchronously: that is one read.
  let inside = false;
  const counted = <A, R>(original: (argument: A) => R): ((argument: A) => R) => {
    return (argument) => {
      if (inside) return original.call(current, argument);
      counts[engine().state.kernelDepth > 0 ? "readsInKernels" : "readBacks"]++;
      inside = true;
      try {
        return original.call(current, argument);
      } finally {
        inside = false;
      }
    };
  };
  current.read = counted(read);
  current.readSync = counted(readSync);
  return {
    counted: () => ({ ...counts }),
    stop: () => {
      current.read = read;
      current.readSync = readSync;
    },
  };
}

function milliseconds(name: string, time: number | { error: string } | Promise<number | { error: string }>): number {
  if (typeof time === "number") return time;
  throw new Error(`${name}: expected tf.profile to have timed it, got ${JSON.stringify(time)}`);
}
