import { open } from "node:fs/promises";
import { ggufOffsets } from "../weights/gguf-header.js";
import { type RandomModel, sizeOf, valuesOf, type Weight } from "../weights/model.js";
import { asFloat32 } from "../weights/values.js";

/**
 * `uniform`: each expert is chosen as often. `skewed`: the rows of a router are scaled by a power of their rank, so that a quarter
 * of the experts of a layer gets two thirds of the choices.
 */
export const ROUTINGS = ["uniform", "skewed"] as const;
export type Routing = (typeof ROUTINGS)[number];

/** Exponent of the rank. Of 128 experts and 8 choices, the hottest 32 get 65 %, the hottest 64 get 86 %. */
const EXPONENT = 0.4;

/** Writes the routers of a model's file, which both programs read. Nothing else changes. */
export async function setRouting(path: string, model: RandomModel, routing: Routing): Promise<void> {
  const offsets = ggufOffsets(model);
  await using file = await open(path, "r+");
  let layer = 0;
  for (const weight of model.weights) {
    if (!weight.gguf.endsWith("ffn_gate_inp.weight")) continue;
    await file.write(routerBytes(weight, routing, layer++), 0, undefined, offsets.get(weight.gguf)!);
  }
  await file.sync();
}

/** Returns the float32 rows of a router. Which experts are hot differs from layer to layer. */
export function routerBytes(weight: Weight, routing: Routing, layer: number): Uint8Array {
  const bytes = asFloat32(valuesOf(weight, weight.name));
  if (routing === "uniform") return bytes;
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, sizeOf(weight.shape));
  const [rows = 0, columns = 0] = weight.shape;
  for (let row = 0; row < rows; row++) {
    const scale = (((row * 37 + layer * 53) % rows) + 1) ** -EXPONENT;
    for (let i = row * columns; i < (row + 1) * columns; i++) values[i]! *= scale;
  }
  return bytes;
}
