import { backend } from "@tensorflow/tfjs-core";
import { isNode, loadTfjsNode } from "#platform";
import { activate } from "../backend.js";
import type { EngineSource } from "../engine.js";

/** The part of tfjs-node's backend that describes it. */
interface NodeBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding?: { readonly TF_Version?: string };
}

/** TensorFlow's C library through `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`, whichever is installed. */
export const tensorflow: EngineSource = {
  name: "tensorflow",
  automatic: () => isNode,
  howToGet:
    "npm install @tensorflow/tfjs-node, or @tensorflow/tfjs-node-gpu with CUDA; either downloads libtensorflow in an " +
    "install script. MIXTAPE_TFJS_NODE can name a folder with the package instead",

  async prepare() {
    const { name, version } = loadTfjsNode();
    await activate("tensorflow");
    const { isUsingGpuDevice, binding } = backend() as unknown as NodeBackend;
    const library = binding?.TF_Version ? `, libtensorflow ${binding.TF_Version}` : "";
    const description = `${name.replace("@tensorflow/", "")} ${version}${library}${isUsingGpuDevice ? ", GPU" : ", CPU"}`;
    return { backend: "tensorflow", description, memoryLimit: null };
  },
};
