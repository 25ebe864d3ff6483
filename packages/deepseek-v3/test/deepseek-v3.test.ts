import { conformance } from "@mixtape/testing";
import { DeepseekV3ForCausalLM } from "../src/index.js";

conformance(DeepseekV3ForCausalLM, { goldens: "deepseek-v3", atLeast: 14 });
