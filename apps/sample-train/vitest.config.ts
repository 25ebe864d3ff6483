import { defineConfig, mergeConfig } from "vitest/config";
import shared from "../../vitest.config.js";

// A test reads what a command prints: colours are only for those that ask for them.
export default defineConfig((env) =>
  mergeConfig(shared(env), { test: { maxConcurrency: 2, env: { NO_COLOR: "1", MIXTAPE_DEBUG: "" } } }),
);
