import { registerHostKernels } from "@mixtape/ops";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { backend as currentBackend, engine, env } from "@tensorflow/tfjs-core";
import { isNode, readBytes, wasmFolder } from "#platform";
import { activate } from "../backend.js";
import type { EngineSource, MemoryLimit } from "../engine.js";
import { EngineError, messageOf } from "../engine-error.js";

const MIB = 2 ** 20;

/** Counted by allocating until it fails: 4,095 MiB of tensors. */
const LIMIT: MemoryLimit = {
  bytes: 4095 * MIB,
  why: "WebAssembly addresses 4 GiB, and XNNPACK keeps a second, packed copy of each matrix that it multiplies by",
};

/** WebAssembly with SIMD. One thread, in Node and in a page that is cross-origin isolated alike. */
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
 * Looks at the file that TensorFlow.js is going to load: once that has failed there, it never tries again in this process.
 * @throws naming the file that cannot be had, or is no WebAssembly
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
  if (!WebAssembly.validate(bytes)) throw new Error(`${path} is no WebAssembly${hint}`);
}

/** The part of the Emscripten module that allocates. */
interface Heap {
  _malloc(bytes: number): number;
  _free(address: number): void;
  readonly HEAPU8: Uint8Array;
}

const checked = new WeakSet<object>();

/**
 * Out of memory, the backend's `malloc` gives 0 or an address whose block ends behind the memory's end, and the backend
 * writes there all the same: over other tensors. With this it throws.
 */
function checkAllocations(backend: BackendWasm): void {
  const module = backend.wasm as unknown as Heap;
  if (checked.has(module)) return;
  checked.add(module);
  // Emscripten binds its functions at their first call, which would take this one's place.
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
      fix: "Dispose of tensors, or take an engine without this limit",
    });
  };
}
