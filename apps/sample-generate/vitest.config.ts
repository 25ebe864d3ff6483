import { defineConfig } from "vitest/config";

// Most tests start a process, which takes a second on an idle machine.
export default defineConfig({ test: { testTimeout: 600_000, hookTimeout: 600_000, maxConcurrency: 2 } });
