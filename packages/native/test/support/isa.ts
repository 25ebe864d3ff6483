import { setBackend } from "@tensorflow/tfjs-core";
import { beforeAll, describe } from "vitest";
import { NativeError, type NativeOptions, nativeInfo, registerNative } from "../../src/index.js";

export type Isa = "portable" | "avx2" | "avx512" | "amx" | "neon";

/** The instruction set that the engine chooses on this machine: `npm test` has it alone, `npm run test:long` each that runs here. */
export function bestIsa(): Isa {
  registerNative();
  return nativeInfo().isa as Isa;
}

/**
 * Declares tests that run on an instruction set. The engine chooses one per process, at first use: a test file has one. Where the
 * processor lacks it, that is told, and the tests are left out.
 */
export function onIsa(isa: Isa, body: () => void, options: NativeOptions = {}): void {
  const reason = whyNot(isa, options);
  if (reason) console.warn(`Not tested here: ${isa}. ${reason}`);
  describe.skipIf(reason !== undefined)(`on ${isa}`, () => {
    beforeAll(async () => {
      await setBackend("native");
      if (nativeInfo().isa !== isa) throw new Error(`expected ${isa}, got ${nativeInfo().isa}`);
    });
    body();
  });
}

function whyNot(isa: Isa, options: NativeOptions): string | undefined {
  process.env.MIXTAPE_NATIVE_ISA = isa;
  try {
    registerNative(options);
    return undefined;
  } catch (error) {
    if (error instanceof NativeError && error.message.includes("which run here")) return error.message;
    throw error;
  }
}
