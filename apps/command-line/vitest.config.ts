import { defineConfig, mergeConfig } from "vitest/config";
import shared from "../../vitest.config.js";

// Most tests start a process, which takes a second on an idle machine.
export default defineConfig((env) => mergeConfig(shared(env), { test: { maxConcurrency: 2 } }));
