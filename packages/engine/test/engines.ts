import type { EngineName } from "../src/index.js";

/** The engines that really run in these tests: `MIXTAPE_TEST_ENGINES=tensorflow` where tfjs-node is, else those of CI. */
export const ENGINES = (process.env.MIXTAPE_TEST_ENGINES ?? "wasm,cpu").split(",") as EngineName[];
