import { conformance } from "@mixtape/testing";
import { AfmoeForCausalLM } from "../src/index.js";

conformance(AfmoeForCausalLM, { goldens: "afmoe", atLeast: 16 });
