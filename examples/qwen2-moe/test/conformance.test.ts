import { fileURLToPath } from "node:url";
import { conformance } from "@mixtape/testing";
import { Qwen2MoeForCausalLM } from "../src/qwen2-moe.js";

conformance(Qwen2MoeForCausalLM, { goldens: fileURLToPath(new URL("__fixtures__", import.meta.url)) });
