import { add, mul, randomNormal, tidy } from "@tensorflow/tfjs-core";
import type { Adapter } from "../../src/index.js";

/** Gives all parameters of an adapter values that matter, magnitudes near those that they have. */
export function fillWithNoise(adapter: Adapter, seed: number, deviation = 0.1): void {
  let next = seed * 1000 + 1;
  for (const [name, param] of adapter.namedParameters()) {
    const isScale = name.endsWith("magnitude");
    const parts = param.weight.parts.map((part) =>
      tidy(() => {
        const noise = randomNormal(part.shape, 0, deviation, "float32", next++);
        return isScale ? mul(part, add(noise, 1)) : noise;
      }),
    );
    param.assign(parts);
  }
}
