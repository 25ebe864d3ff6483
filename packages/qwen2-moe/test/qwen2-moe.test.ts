import { conformance } from "@mixtape/testing";
import { Qwen2MoeForCausalLM } from "../src/index.js";

conformance(Qwen2MoeForCausalLM, { goldens: "qwen2-moe", atLeast: 12 });
