import { findBackendFactory } from "@tensorflow/tfjs-core";
import { isNode, loadNative } from "#platform";
import { activate } from "../backend.js";
import type { EngineSource } from "../engine.js";

/** This library's own engine, in C++: several threads, memory-mapped weights, fused kernels. Node only. */
export const native: EngineSource = {
  name: "native",
  automatic: () => isNode,
  howToGet: isNode
    ? "it comes with @mixtape/engine where its optional dependencies are installed, for the platforms that @mixtape/native lists"
    : "it runs in Node only",

  async introduce() {
    // Registering it again would reset its options.
    if (!findBackendFactory("native")) (await loadNative()).registerNative();
  },

  async prepare({ threads, precision, mmap }) {
    const { registerNative } = await loadNative();
    const { description } = registerNative({ threads, precision, mmap });
    await activate("native");
    return { backend: "native", description, memoryLimit: null };
  },
};
