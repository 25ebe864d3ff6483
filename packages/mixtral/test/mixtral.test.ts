import { conformance } from "@mixtape/testing";
import { MixtralForCausalLM } from "../src/index.js";

conformance(MixtralForCausalLM, { goldens: "mixtral", atLeast: 15 });
