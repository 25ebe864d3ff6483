import { registerHostKernels } from "@mixtape/ops";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { backend as currentBackend, engine, env } from "@tensorflow/tfjs-core";
import { isNode, readBytes, wasmFolder } from "#platform";
import { activate } from "../backend.js";
import type { EngineSource, MemoryLimit } from "../engine.js";
import { EngineError, messageOf } from "../engine-error.js";

const MIB = 2 ** 20;

/** Measured by allocating until it fails: 4,095 MiB of tensors. */
const LIMIT: MemoryLimit = {
  bytes: 4095 * MIB,
  why: "WebAssembly addresses 4 GiB, and XNNPACK keeps a second, packed copy of each weight matrix",
};

/** WebAssembly with SIMD. One thread, both in Node and in a cross-origin isolated page. */
export const wasm: EngineSource = {
  name: "wasm",
  automatic: () => true,
  howToGet: isNode
    ? "it comes with @mixtape/engine"
    : "serve the .wasm files of @tensorflow/tfjs-backend-wasm/dist, and give the URL of their folder as wasmPath",

  async prepare({ wasmPath }) {
    const tfjs = await import("@tensorflow/tfjs-backend-wasm");
    const folder = wasmPath ?? wasmFolder();
    if (folder !== undefined && !("wasm" in engine().registry)) {
      await checkFile(folder);
      tfjs.setWasmPaths(folder);
    }
    await activate("wasm");
    checkAllocations(currentBackend() as BackendWasm);
    registerHostKernels("wasm");
    const simd = (await env().getAsync("WASM_HAS_SIMD_SUPPORT")) ? "SIMD" : "no SIMD";
    const threads = tfjs.getThreadsCount();
    return {
      backend: "wasm",
      description: `tfjs-backend-wasm ${tfjs.version_wasm}, ${simd}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
      memoryLimit: LIMIT,
    };
  },
};

/**
 * Checks the file that TensorFlow.js will load: once loading failed there, it never tries again in this process.
 * @throws if the file cannot be read or is not WebAssembly; the message names it
 */
async function checkFile(folder: string): Promise<void> {
  const [simd, threads] = await Promise.all([
    env().getAsync("WASM_HAS_SIMD_SUPPORT"),
    env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT"),
  ]);
  const kind = simd ? (threads ? "-threaded-simd" : "-simd") : "";
  const path = `${folder}tfjs-backend-wasm${kind}.wasm`;
  const hint = folder.endsWith("/") || folder.endsWith("\\") ? "" : ": wasmPath ends without a slash";
  const bytes = await readBytes(path).catch((error: unknown) => {
    throw new Error(`${path} cannot be read (${messageOf(error)})${hint}`);
  });
  if (!WebAssembly.validate(bytes)) throw new Error(`${path} is not WebAssembly${hint}`);
}

/** The part of the Emscripten module that allocates. */
interface Heap {
  _malloc(bytes: number): number;
  _free(address: number): void;
  readonly HEAPU8: Uint8Array;
}

const checked = new WeakSet<object>();

/**
 * Makes the backend throw when it runs out of memory. Its `malloc` then returns 0 or an address whose block ends beyond
 * the memory, and the backend would write there anyway, over other tensors.
 */
function checkAllocations(backend: BackendWasm): void {
  const module = backend.wasm as unknown as Heap;
  if (checked.has(module)) return;
  checked.add(module);
  // Emscripten binds its functions on their first call, which would replace this one.
  module._free(module._malloc(1));
  const allocate = module._malloc;
  module._malloc = (bytes: number): number => {
    const address = allocate(bytes);
    const start = address >>> 0;
    if (bytes === 0 || (start !== 0 && start + bytes <= module.HEAPU8.length)) return address;
    if (start !== 0) module._free(address);
    throw new EngineError({
      where: 'engine "wasm"',
      expected: `${(bytes / MIB).toFixed(1)} MiB of memory for a tensor`,
      got: `none left of ${LIMIT.bytes / MIB} MiB: ${LIMIT.why}`,
      fix: "Dispose of tensors, or use an engine without this limit",
    });
  };
}
