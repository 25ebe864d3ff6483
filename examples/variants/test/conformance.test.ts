import { MixtralForCausalLM } from "@mixtape/mixtral";
import { conformance } from "@mixtape/testing";
import { describe } from "vitest";
import { SharedMixtralForCausalLM } from "../src/shared-mixtral.js";
import { SlidingQwen3MoeForCausalLM } from "../src/sliding-qwen3-moe.js";
import { SoftmaxAfmoeForCausalLM } from "../src/softmax-afmoe.js";
import { ntkMixtral, sharedMixtral, slidingQwen3Moe, softmaxAfmoe } from "./small.js";

describe("AFMoE with a softmax router", () => conformance(SoftmaxAfmoeForCausalLM, { config: softmaxAfmoe }));
describe("Mixtral with shared experts", () => conformance(SharedMixtralForCausalLM, { config: sharedMixtral }));
describe("Qwen3-MoE with sliding layers and sigmoid routing", () =>
  conformance(SlidingQwen3MoeForCausalLM, { config: slidingQwen3Moe }));
describe("Mixtral with a RoPE type of its own", () => conformance(MixtralForCausalLM, { config: ntkMixtral }));
