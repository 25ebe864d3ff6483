import { setBackend } from "@tensorflow/tfjs-core";
import { beforeAll, describe } from "vitest";
import { addon } from "../../src/addon.js";
import { NativeError, nativeInfo, registerNative } from "../../src/index.js";

export type Isa = "portable" | "avx2" | "avx512" | "amx" | "neon" | "neon_dotprod";

/** The instruction set that the engine chooses on this machine: `npm test` has it, `npm run test:long` the others that run here. */
export function bestIsa(): Isa {
  registerNative();
  return nativeInfo().isa as Isa;
}

/**
 * Returns why the long tests leave an instruction set out: the processor lacks it, or `npm test` has it, since the engine chooses
 * it by itself. If neither, this process computes with it from now on.
 */
export function whyLeftOut(isa: Isa): string | undefined {
  const { MIXTAPE_NATIVE_ISA: given } = process.env;
  const reason = whyNot(isa);
  if (reason) return reason;
  return isa === (given || addon().info().isas[0]) ? "npm test runs it" : undefined;
}

/**
 * Declares tests that run on an instruction set. The engine chooses one per process, at first use: a test file has one. Where the
 * processor lacks it, that is told, and the tests are left out.
 */
export function onIsa(isa: Isa, body: () => void): void {
  const reason = whyNot(isa);
  if (reason) console.warn(`Not tested here: ${isa}. ${reason}`);
  describe.skipIf(reason !== undefined)(`on ${isa}`, () => {
    beforeAll(async () => {
      await setBackend("native");
      if (nativeInfo().isa !== isa) throw new Error(`expected ${isa}, got ${nativeInfo().isa}`);
    });
    body();
  });
}

function whyNot(isa: Isa): string | undefined {
  process.env.MIXTAPE_NATIVE_ISA = isa;
  try {
    registerNative();
    return undefined;
  } catch (error) {
    if (error instanceof NativeError && error.message.includes("which run here")) return error.message;
    throw error;
  }
}
