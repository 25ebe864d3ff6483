import { version_core } from "@tensorflow/tfjs-core";
import { isNode, loadWebGPU } from "#platform";
import { activate } from "../backend.js";
import type { EngineSource } from "../engine.js";

/** The part of `navigator.gpu` needed to inspect it. */
interface GPU {
  requestAdapter(options: { powerPreference: "high-performance" }): Promise<GPUAdapter | null>;
}

interface GPUAdapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly vendor?: string; readonly architecture?: string; readonly isFallbackAdapter?: boolean };
}

/** The GPU of a browser; in Node through the `webgpu` package. A software adapter is used only when chosen by name. */
export const webgpu: EngineSource = {
  name: "webgpu",
  automatic: () => (isNode ? false : hasRealAdapter()),
  howToGet: isNode
    ? "npm install webgpu, on a machine with a Vulkan, Metal or Direct3D 12 driver"
    : "use a browser with WebGPU, on a secure page",

  async prepare() {
    const gpu = navigatorGPU() ?? ((await loadWebGPU()) as GPU | undefined);
    if (!gpu) {
      throw new Error(
        isNode
          ? "Node has no navigator.gpu, and the webgpu package is not installed"
          : "there is no navigator.gpu here",
      );
    }
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) throw new Error("WebGPU found no adapter");
    await import("@tensorflow/tfjs-backend-webgpu");
    await activate("webgpu");
    const name = [adapter.info?.vendor, adapter.info?.architecture].filter(Boolean).join(" ") || "unnamed adapter";
    const description = `tfjs-backend-webgpu ${version_core}, ${name}${isFallback(adapter) ? " (software)" : ""}`;
    return { backend: "webgpu", description, memoryLimit: null };
  },
};

/** Whether WebGPU here is hardware, not a renderer on the CPU. */
async function hasRealAdapter(): Promise<boolean> {
  const adapter = await navigatorGPU()?.requestAdapter({ powerPreference: "high-performance" });
  return adapter !== undefined && adapter !== null && !isFallback(adapter);
}

function navigatorGPU(): GPU | undefined {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  return navigator?.gpu;
}

function isFallback(adapter: GPUAdapter): boolean {
  return adapter.isFallbackAdapter === true || adapter.info?.isFallbackAdapter === true;
}
