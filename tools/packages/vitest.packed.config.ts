import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packed/**/*.test.ts"],
    globalSetup: "packed/setup.ts",
    testTimeout: 120_000,
    hookTimeout: 240_000,
    maxConcurrency: 2,
  },
});
