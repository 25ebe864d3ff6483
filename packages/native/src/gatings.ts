import type { Gating } from "@mixtape/ops";
import { NativeError } from "./errors.js";

/** Numbers of the gatings of fused kernels in the addon. */
const KINDS: Readonly<Record<string, number>> = {
  silu: 0,
  gelu: 1,
  gelu_pytorch_tanh: 2,
  relu: 3,
  sigmoid: 4,
  relu2: 5,
  clamped_swiglu: 6,
};

/** Returns true if the fused kernels know a gating. */
export function fusesGating({ kernel }: Gating): boolean {
  return kernel !== undefined && Object.hasOwn(KINDS, kernel.id);
}

/** Returns a gating as the addon takes it: `[kind, limit, alpha]`, the same array each time. */
export function gatingNumbers(gating: Gating): Float32Array {
  const found = known.get(gating);
  if (found) return found;
  if (!fusesGating(gating))
    throw new NativeError({
      where: gating.name,
      expected: `a gating of ${Object.keys(KINDS).join(", ")}`,
      got: "another",
    });
  const { id, parameters = {} } = gating.kernel!;
  const numbers = Float32Array.of(KINDS[id]!, parameters.limit ?? 0, parameters.alpha ?? 0);
  known.set(gating, numbers);
  return numbers;
}

const known = new WeakMap<Gating, Float32Array>();
