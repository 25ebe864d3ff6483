import { getBackend } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { FloatStorage, type Storage } from "../storage/storage.js";
import type { GraphCapture } from "./graph-capture.js";

/** Properties of a tfjs backend that the ops here go by. */
export interface EngineTraits {
  /**
   * Whether `dataSync` returns at once: the tensors lie in memory that JavaScript reads. Default false: reading waits for a device,
   * or throws.
   */
  readonly readsBack?: boolean;
  /** How it keeps weights. Default: float32, matrices transposed, experts in one tensor. */
  readonly storage?: Storage;
  /** Records steps, to repeat them without JavaScript. Default: none; every step runs as it is. */
  readonly graphCapture?: GraphCapture;
  /**
   * Whether its fused kernels (`MixtapeGate`, `MixtapeGatedMlp`, `MixtapeExperts`) know a gating. Default: none; the ops compose it
   * of products and the gating's own operations.
   */
  readonly fusesGating?: (gating: Gating) => boolean;
}

const engines = new Map<string, EngineTraits>();

/**
 * Declares the properties of a tfjs backend. Called by the package that offers the backend. Properties that were declared before and
 * are not given now stay.
 */
export function registerEngine(backend: string, traits: EngineTraits): void {
  engines.set(backend, { ...engines.get(backend), ...traits });
}

/** The properties of the engine in use, or of the tfjs backend of that name. */
export function engineTraits(backend: string = getBackend()): EngineTraits {
  return engines.get(backend) ?? {};
}

/** How the engine in use, or the tfjs backend of that name, keeps weights. */
export function storageOf(backend?: string): Storage {
  return engineTraits(backend).storage ?? OF_OTHERS;
}

/** Engines whose tensors cannot be read back at once need the experts together: they are gathered by tensors of indices. */
const OF_OTHERS = new FloatStorage({ matrices: "transposed", stacks: "together", copiesOfMatrices: 1 });

/** The kernels written in TypeScript run any formula of numbers. */
const fusesScalars = ({ scalar }: Gating): boolean => scalar !== undefined;

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
