import { afmoe } from "../weights/afmoe.js";
import { randomShapes } from "./random-shape.js";

export const trinityNano = randomShapes("trinity-nano", "Trinity-Nano, whole", () =>
  afmoe({
    layers: 56,
    vocab: 200_192,
    hidden: 1024,
    heads: 8,
    kvHeads: 2,
    headDim: 128,
    window: 2048,
    denseLayers: 2,
    denseWidth: 3072,
    width: 256,
    experts: 128,
    perToken: 8,
    sharedExperts: 1,
  }),
);
