import type { Param } from "@mixtape/layers";
import { logicalTensor } from "@mixtape/ops";
import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { randomNormal, randomUniform, type Tensor, zeros } from "@tensorflow/tfjs-core";
import type { AdapterConfig } from "../config/adapter-config.js";
import { Dora } from "../layers/dora.js";
import type { Adapter } from "./adapter.js";

/**
 * Initializes a new adapter: A and routers random, B zero, so that it is a no-op, and DoRA's magnitudes the norms of the base's
 * rows. At the embedding, A is zero and B is random, as in peft. Copies start as the model's parameters. The same seed gives the
 * same values on any engine.
 */
export async function initializeAdapter(adapter: Adapter, seed: number): Promise<void> {
  const copies = new Map(adapter.copies.map(({ copy, param }) => [copy, param]));
  const atEmbedding = [...adapter.layers.values()].filter(({ isEmbedding }) => isEmbedding);
  // From 1: tfjs takes a seed of 0 for none.
  let index = 1;
  for (const [name, param] of adapter.namedParameters()) {
    const end = name.slice(name.lastIndexOf(".") + 1);
    const copied = copies.get(param);
    if (copied) await fill(name, param, logicalTensor(copied.ownWeight));
    else if (atEmbedding.some(({ loraA }) => loraA === param)) await fill(name, param, zeros([...param.shape]));
    else if (atEmbedding.some(({ loraB }) => loraB === param))
      await fill(name, param, randomNormal([...param.shape], 0, 1, "float32", seed * 65_537 + index++));
    else if (end !== "magnitude") await fill(name, param, fresh(end, param, adapter.config, seed * 65_537 + index++));
  }
  for (const [target, layer] of adapter.layers)
    if (layer instanceof Dora) await fill(`${target.name}.magnitude`, layer.magnitude, layer.norms());
}

async function fill(name: string, param: Param, values: Tensor): Promise<void> {
  try {
    const bytes = fromFloat32((await values.data()) as Float32Array, "F32");
    await param.load(viewOfBytes(name, "F32", param.shape, bytes));
  } finally {
    values.dispose();
  }
}

function fresh(end: string, { shape }: Param, config: AdapterConfig, seed: number): Tensor {
  const dims = [...shape];
  const fanIn = shape.at(-1)!;
  if (end === "lora_b" || end === "lora_bias") return zeros(dims);
  if (end === "lora_a") {
    const isGaussian =
      config.method === "lora" ? config.initLoraWeights === "gaussian" : config.loraInit === "gaussian";
    return isGaussian ? randomNormal(dims, 0, 1 / config.r, "float32", seed) : kaiming(dims, fanIn, 5, seed);
  }
  if (config.method === "lora") throw new TypeError(`${end} belongs to no LoRA`);
  return config.method.startsWith("mixlora")
    ? randomNormal(dims, 0, config.routerInitRange, "float32", seed)
    : kaiming(dims, fanIn, config.routerInitRange, seed);
}

/** Uniform in ±√(6 / ((1 + a²)·in)), as torch's `kaiming_uniform_` (He et al. 2015, https://arxiv.org/abs/1502.01852). */
function kaiming(shape: number[], fanIn: number, aSquared: number, seed: number): Tensor {
  const bound = Math.sqrt(6 / ((1 + aSquared) * fanIn));
  return randomUniform(shape, -bound, bound, "float32", seed);
}
