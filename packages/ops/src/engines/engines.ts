import { getBackend } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { FloatStorage, type Storage } from "../storage/storage.js";
import type { Deferral } from "./deferral.js";
import type { GraphCapture } from "./graph-capture.js";

/** Properties of a tfjs backend. */
export interface EngineTraits {
  /**
   * True if `dataSync` returns at once, since tensors are in memory that JavaScript reads. Default: false; it waits for a device
   * or throws.
   */
  readonly readsBack?: boolean;
  /** Storage of weights. Default: float32, matrices transposed, experts in one tensor. */
  readonly storage?: Storage;
  /** Captures graphs, to replay them without JavaScript. Default: none; every call runs its function. */
  readonly graphCapture?: GraphCapture;
  /** Computes kernels while JavaScript goes on. Default: none; they are computed when they are called, or as the device does. */
  readonly deferral?: Deferral;
  /**
   * Returns whether the fused kernels (`MixtapeGate`, `MixtapeGatedMlp`, `MixtapeExperts`) know a gating. Default: none; the ops
   * compose it.
   */
  readonly fusesGating?: (gating: Gating) => boolean;
}

const engines = new Map<string, EngineTraits>();

/** Declares properties of a tfjs backend, over those that were declared before. Called by the package that offers the backend. */
export function registerEngine(backend: string, traits: EngineTraits): void {
  engines.set(backend, { ...engines.get(backend), ...traits });
}

/** Returns the properties of a tfjs backend. Default: the engine in use. */
export function engineTraits(backend: string = getBackend()): EngineTraits {
  return engines.get(backend) ?? {};
}

/** Returns the storage of a tfjs backend. Default: the engine in use. */
export function storageOf(backend?: string): Storage {
  return engineTraits(backend).storage ?? OF_OTHERS;
}

/** Engines that cannot read back at once need the experts in one tensor: they gather them by tensors of indices. */
const OF_OTHERS = new FloatStorage({ matrices: "transposed", stacks: "together", copiesOfMatrices: 1 });

/** Gatings of kernels in TypeScript, which run any formula of numbers. */
export const fusesScalars = ({ scalar }: Gating): boolean => scalar !== undefined;

/** tfjs's JavaScript backend walks the inner axis of either layout; memory order suits it best. */
registerEngine("cpu", {
  readsBack: true,
  storage: new FloatStorage({ matrices: "plain", stacks: "apart", copiesOfMatrices: 1 }),
  fusesGating: fusesScalars,
});
registerEngine("wasm", {
  readsBack: true,
  storage: new FloatStorage({ matrices: "transposed", stacks: "apart", copiesOfMatrices: 2 }),
  fusesGating: fusesScalars,
});
registerEngine("tensorflow", {
  readsBack: true,
  storage: new FloatStorage({ matrices: "transposed", stacks: "apart", copiesOfMatrices: 1 }),
});
