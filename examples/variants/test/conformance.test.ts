import { MixtralForCausalLM } from "@mixtape/mixtral";
import { conformance } from "@mixtape/testing";
import { describe } from "vitest";
import { LayerNormMixtralForCausalLM } from "../src/layer-norm-mixtral.js";
import { MixedQwen3MoeForCausalLM } from "../src/mixed-qwen3-moe.js";
import { NoisyMixtralForCausalLM } from "../src/noisy-mixtral.js";
import { ParallelMixtralForCausalLM } from "../src/parallel-mixtral.js";
import { SharedMixtralForCausalLM } from "../src/shared-mixtral.js";
import { SlidingQwen3MoeForCausalLM } from "../src/sliding-qwen3-moe.js";
import { SoftmaxAfmoeForCausalLM } from "../src/softmax-afmoe.js";
import { TopPMixtralForCausalLM } from "../src/top-p-mixtral.js";
import {
  layerNormMixtral,
  mishMixtral,
  mixedQwen3Moe,
  noisyMixtral,
  ntkMixtral,
  parallelMixtral,
  sharedMixtral,
  slidingQwen3Moe,
  softmaxAfmoe,
  topPMixtral,
} from "./small.js";

describe("AFMoE with a softmax router", () => conformance(SoftmaxAfmoeForCausalLM, { config: softmaxAfmoe }));
describe("Mixtral with noise in its router", () => conformance(NoisyMixtralForCausalLM, { config: noisyMixtral }));
describe("Mixtral with top-p routing", () => conformance(TopPMixtralForCausalLM, { config: topPMixtral }));
describe("Mixtral with a shared expert", () => conformance(SharedMixtralForCausalLM, { config: sharedMixtral }));
describe("Mixtral with attention and experts side by side", () =>
  conformance(ParallelMixtralForCausalLM, { config: parallelMixtral }));
describe("Mixtral with LayerNorm", () => conformance(LayerNormMixtralForCausalLM, { config: layerNormMixtral }));
describe("Qwen3-MoE with sliding layers and sigmoid routing", () =>
  conformance(SlidingQwen3MoeForCausalLM, { config: slidingQwen3Moe }));
describe("Qwen3-MoE with full, sliding and latent attention and recurrent layers", () =>
  conformance(MixedQwen3MoeForCausalLM, { config: mixedQwen3Moe }));
describe("Mixtral with a RoPE type of its own", () => conformance(MixtralForCausalLM, { config: ntkMixtral }));
describe("Mixtral with an activation of its own", () => conformance(MixtralForCausalLM, { config: mishMixtral }));
