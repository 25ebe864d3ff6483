import { defineConfig } from "vitest/config";

// Measuring processes start, load and warm up.
export default defineConfig({ test: { testTimeout: 600_000, hookTimeout: 600_000 } });
