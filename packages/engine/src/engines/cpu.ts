import { registerHostKernels } from "@mixtape/ops";
import { scalar } from "@tensorflow/tfjs-core";
import { activate } from "../backend.js";
import type { EngineSource } from "../engine.js";

/** Plain JavaScript. Runs everywhere; slow. */
export const cpu: EngineSource = {
  name: "cpu",
  automatic: () => true,
  howToGet: "it comes with @mixtape/engine",

  async prepare() {
    const { version_cpu } = await import("@tensorflow/tfjs-backend-cpu");
    await activate("cpu");
    // The backend greets at its first tensor; this one is created while warnings are off.
    scalar(0).dispose();
    registerHostKernels("cpu");
    return { backend: "cpu", description: `tfjs-backend-cpu ${version_cpu}`, memoryLimit: null };
  },
};
