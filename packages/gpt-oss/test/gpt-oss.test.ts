import { conformance } from "@mixtape/testing";
import { GptOssForCausalLM } from "../src/index.js";

conformance(GptOssForCausalLM, { goldens: "gpt-oss", atLeast: 8 });
