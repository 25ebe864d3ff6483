import { registerEngine } from "@mixtape/ops";
import { engine, findBackend, registerBackend } from "@tensorflow/tfjs-core";
import { addon, type Precision } from "./addon.js";
import { NativeBackend } from "./backend.js";
import { NativeError } from "./errors.js";
import { fusesGating } from "./gatings.js";
import { registerKernels } from "./kernels/register.js";
import { NativeRecorder } from "./recorder.js";
import { NativeStorage } from "./storage.js";

/** How the native engine works. */
export interface NativeOptions {
  /** How many threads share the work of an operation. All processors where absent. */
  readonly threads?: number;
  /**
   * `bfloat16`: weights in bfloat16 multiply activations rounded to bfloat16 where the processor has that product, as torch and
   * llama.cpp do; sums are float32. `float32`: activations stay as they are. Default `bfloat16`.
   */
  readonly precision?: Precision;
  /** Whether weights are used where the system keeps their file, or read into memory. Default true. */
  readonly mmap?: boolean;
}

/** What runs. */
export interface NativeInfo {
  /** The instruction set in use: `amx`, `avx512`, `avx2`, `neon` or `portable`. `MIXTAPE_NATIVE_ISA` forces one. */
  readonly isa: string;
  readonly threads: number;
  readonly precision: Precision;
  /** How weights are kept. */
  readonly storage: string;
  /** One line for a person: `AVX-512, 2 threads, bfloat16 products`. */
  readonly description: string;
}

const ISA_NAMES: Readonly<Record<string, string>> = {
  amx: "AMX and AVX-512",
  avx512: "AVX-512",
  avx2: "AVX2",
  neon: "NEON",
  portable: "portable C++",
};

let current: { precision: Precision; mmap: boolean; storage: NativeStorage } | undefined;

/**
 * Makes the tfjs backend `native`, or changes how it works: the products and the weights to come. `tf.setBackend("native")` then
 * uses it.
 * @throws {NativeError} where the binary does not load.
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
    // A new recorder, so that nothing is repeated that was recorded with another precision.
    registerEngine("native", { readsBack: true, storage, graphCapture: new NativeRecorder(backend), fusesGating });
    current = { precision, mmap, storage };
  }
  return nativeInfo();
}

/**
 * What the native engine is here.
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
