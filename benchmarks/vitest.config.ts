import { defineConfig } from "vitest/config";

// Measuring processes start, load and warm up.
export default defineConfig({ test: { testTimeout: 60_000, hookTimeout: 60_000 } });
