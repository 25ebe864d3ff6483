/** What one decode step asks of an engine: the kernels it runs and the tensors it reads back, by layer. */

import type { DecoderLayer, ForCausalLM } from "@mixtape/decoder";
import type { Cache, Module } from "@mixtape/layers";
import { MoeBlock } from "@mixtape/layers";
import { backend, engine, profile } from "@tensorflow/tfjs-core";

/** One kernel of a step, in the order in which they ran. */
export interface StepKernel {
  readonly name: string;
  readonly ms: number;
}

/** A stretch of a step. */
export interface Stretch {
  readonly kernels: readonly StepKernel[];
  /** How many tensors were read back from the engine. */
  readonly readBacks: number;
  /** How many tensors the engine's own kernels read in the same way. Where memory is shared, a copy and no wait. */
  readonly readsInKernels: number;
}

/** A decoder layer's stretch; `moe` is the MoE block alone, null for a dense layer. */
export interface LayerStretch extends Stretch {
  readonly moe: Stretch | null;
}

/** One decode step: everything that it ran, the layers in their order among it. */
export interface DecodeStep extends Stretch {
  readonly layers: readonly LayerStretch[];
}

/** Puts tokens into a cache. The logits are not needed. */
export function prefill(model: ForCausalLM, cache: Cache, ids: readonly number[]): void {
  model.forward({ inputIds: [ids], cache, logitsToKeep: 1, outputRouterLogits: false }).logits.dispose();
}

/**
 * One step: a token in, its logits read back. With a fixed model as `generateTokens` takes it, which engines may repeat without
 * JavaScript; else each kernel is run by it.
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

/** The kernels that `f` runs, timed by `tf.profile`. */
export async function kernelsOf(f: () => Promise<void>): Promise<StepKernel[]> {
  const { kernels } = await profile(async () => {
    await f();
    return [];
  });
  return kernels.map(({ name, kernelTimeMs }) => ({ name, ms: milliseconds(name, kernelTimeMs) }));
}

/** Runs {@link decodeOne} and says what it did in which layer. */
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

/** What had been counted as a module began, and as it ended. */
type Mark = readonly [begin: Counted, end: Counted];
type Counted = Record<"kernels" | "readBacks" | "readsInKernels", number>;

/** Notes what was counted when a module's `forward` begins and ends, until the function that it returns is called. */
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

/** Counts what is read from the engine in use. */
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
