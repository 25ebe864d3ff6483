import { conformance } from "@mixtape/testing";
import { OlmoeForCausalLM } from "../src/index.js";

conformance(OlmoeForCausalLM, { goldens: "olmoe", atLeast: 9 });
