import { registerEngine } from "@mixtape/ops";
import { engine, findBackend, registerBackend } from "@tensorflow/tfjs-core";
import type { Precision } from "./addon/handles.js";
import { addon } from "./addon.js";
import { NativeBackend } from "./backend.js";
import { NativeDeferral } from "./deferral.js";
import { NativeError } from "./errors.js";
import { fusesGating } from "./gatings.js";
import { NativeGraphCapture } from "./graph-capture.js";
import { registerKernels } from "./kernels/register.js";
import { NativeStorage } from "./storage.js";

/** Options of the native engine. */
export interface NativeOptions {
  /** Number of threads that share the work of an operation. Default: all processors. */
  readonly threads?: number;
  /**
   * `bfloat16`: weights in bfloat16 multiply activations rounded to bfloat16 if the processor has that product, as in torch and
   * llama.cpp; sums are float32. `float32`: activations are not rounded. Default: `bfloat16`.
   */
  readonly precision?: Precision;
  /** True to map the files of weights, false to read them into memory. Default: true. */
  readonly mmap?: boolean;
}

/** Configuration of the engine that runs. */
export interface NativeInfo {
  /** Instruction set in use: `amx`, `avx512`, `avx2`, `neon_dotprod`, `neon` or `portable`. `MIXTAPE_NATIVE_ISA` forces one. */
  readonly isa: string;
  readonly threads: number;
  readonly precision: Precision;
  /** Storage of weights, in words. */
  readonly storage: string;
  /** One line for people: `AVX-512, 2 threads, bfloat16 products`. */
  readonly description: string;
}

const ISA_NAMES: Readonly<Record<string, string>> = {
  amx: "AMX and AVX-512",
  avx512: "AVX-512",
  avx2: "AVX2",
  neon_dotprod: "NEON with dot products",
  neon: "NEON",
  portable: "portable C++",
};

let current: { precision: Precision; mmap: boolean; storage: NativeStorage } | undefined;

/**
 * Registers the tfjs backend `native`, or changes its options for products and weights to come. `tf.setBackend("native")` then
 * uses it.
 * @throws {NativeError} if the binary does not load.
 */
export function registerNative({ threads, precision = "bfloat16", mmap = true }: NativeOptions = {}): NativeInfo {
  const native = addon();
  const { processors } = native.info();
  native.setThreads(threads ?? processors);
  if (current?.precision !== precision || current.mmap !== mmap) {
    const backend = () => findBackend("native") as NativeBackend;
    if (!current) {
      registerKernels();
      registerBackend("native", () => new NativeBackend(current?.precision ?? precision), 4);
    } else if ("native" in engine().registry) (findBackend("native") as NativeBackend).setPrecision(precision);
    const storage = new NativeStorage(backend, { mmap });
    // A new capture, so that no graph with another precision is replayed.
    registerEngine("native", {
      readsBack: true,
      storage,
      graphCapture: new NativeGraphCapture(backend),
      deferral: new NativeDeferral(backend),
      fusesGating,
    });
    current = { precision, mmap, storage };
  }
  return nativeInfo();
}

/**
 * Returns the configuration of the native engine.
 * @throws {NativeError} before {@link registerNative}.
 */
export function nativeInfo(): NativeInfo {
  if (!current)
    throw new NativeError({
      where: "nativeInfo",
      expected: "the native engine",
      got: "none yet",
      fix: "Call registerNative() first",
    });
  const { isa, threads } = addon().info();
  const { precision, storage } = current;
  const description = `${ISA_NAMES[isa] ?? isa}, ${threads} ${threads === 1 ? "thread" : "threads"}, ${precision} products`;
  return { isa, threads, precision, storage: storage.description, description };
}
