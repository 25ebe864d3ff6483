import { defineConfig, mergeConfig } from "vitest/config";
import shared from "../../vitest.config.js";

export default defineConfig((env) => mergeConfig(shared(env), { test: { include: ["test/**/*.test.ts"] } }));
