import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { HostKernel } from "./host.js";

/** Computes `topKIndices` by insertion: routers choose a few of at most a few hundred. */
export const topKIndicesKernel: HostKernel = {
  name: "MixtapeTopKIndices",
  backends: ["cpu", "wasm"],
  run(host, inputs: { scores: TensorInfo }, { k }: { k: number }) {
    const [t, e] = inputs.scores.shape as [number, number];
    const out = host.output([t, k], "int32");
    const scores = host.floats(inputs.scores);
    const indices = host.ints(out);
    for (let row = 0; row < t; row++) {
      const from = row * e;
      const to = row * k;
      for (let i = 0; i < e; i++) {
        let place = Math.min(i, k);
        // Strictly larger moves ahead, so of equal scores the lower index stays first.
        while (place > 0 && scores[from + i]! > scores[from + indices[to + place - 1]!]!) {
          if (place < k) indices[to + place] = indices[to + place - 1]!;
          place--;
        }
        if (place < k) indices[to + place] = i;
      }
    }
    return out;
  },
};
