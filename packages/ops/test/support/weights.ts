import { type Tensor, transpose, unstack } from "@tensorflow/tfjs-core";
import type { Weight, WeightRole } from "../../src/index.js";

/** How an engine may lay a weight out. */
export interface Placement {
  readonly layout: Weight["layout"];
  readonly stacks: "apart" | "together";
}

export const PLACEMENTS: readonly Placement[] = (["plain", "transposed"] as const).flatMap((layout) =>
  (["apart", "together"] as const).map((stacks) => ({ layout, stacks })),
);

/** A weight with the values of `logical`, by tfjs operations: a gradient flows back through them. */
export function weightOf(logical: Tensor, role: WeightRole, { layout, stacks }: Partial<Placement> = {}): Weight {
  const turned = layout === "transposed" ? transpose(logical, logical.rank === 3 ? [0, 2, 1] : [1, 0]) : logical;
  const parts = role === "stack" && stacks === "apart" ? unstack(turned) : [turned];
  return { role, shape: logical.shape, layout: layout ?? "plain", parts };
}
