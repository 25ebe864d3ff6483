import { conformance } from "@mixtape/testing";
import { Qwen3NextForCausalLM } from "../src/index.js";

conformance(Qwen3NextForCausalLM, { goldens: "qwen3-next", atLeast: 13 });
