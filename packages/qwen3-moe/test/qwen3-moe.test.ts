import { conformance } from "@mixtape/testing";
import { Qwen3MoeForCausalLM } from "../src/index.js";

conformance(Qwen3MoeForCausalLM, { goldens: "qwen3-moe", atLeast: 17 });
