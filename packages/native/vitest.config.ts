import { defineConfig, mergeConfig } from "vitest/config";
import shared from "../../vitest.config.js";

// A process computes with one instruction set; each file of the long tests has its own.
export default defineConfig((env) => mergeConfig(shared(env), { test: { isolate: env.mode === "long" } }));
