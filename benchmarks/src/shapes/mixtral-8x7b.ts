import { mixtral } from "../weights/mixtral.js";
import { randomShapes } from "./random-shape.js";

export const mixtral8x7b = randomShapes("mixtral-8x7b", "Mixtral-8x7B with 2 of its 32 layers", () =>
  mixtral({
    layers: 2,
    vocab: 32_000,
    hidden: 4096,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    width: 14_336,
    experts: 8,
    perToken: 2,
  }),
);
