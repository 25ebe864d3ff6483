import { registerNative } from "@mixtape/native";
import type { EngineName } from "../src/index.js";

/** Whether `native` is to work: everywhere in CI, and elsewhere where it was built. */
export const HAS_NATIVE = Boolean(process.env.CI) || loads();

/** The engines that really run in these tests: `MIXTAPE_TEST_ENGINES=tensorflow` where tfjs-node is, else those of CI. */
export const ENGINES = (process.env.MIXTAPE_TEST_ENGINES?.split(",") ??
  (HAS_NATIVE ? ["native", "wasm", "cpu"] : ["wasm", "cpu"])) as EngineName[];

function loads(): boolean {
  try {
    registerNative();
    return true;
  } catch (error) {
    console.warn("Not tested here: native.", error);
    return false;
  }
}
