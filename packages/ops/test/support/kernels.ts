import {
  fill,
  getBackend,
  getKernelsForBackend,
  type KernelFunc,
  registerKernel,
  unregisterKernel,
} from "@tensorflow/tfjs-core";

/** The names of the fused kernels that the engine in use has. */
export function fusedKernels(): string[] {
  return getKernelsForBackend(getBackend())
    .map(({ kernelName }) => kernelName)
    .filter((name) => name.startsWith("Mixtape"))
    .sort();
}

/** What a stand-in for a fused kernel was asked to do. */
export interface KernelCall {
  readonly inputs: readonly string[];
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** Runs `f` on the engine in use as if this were its only fused kernel. */
export function withKernel<T>(kernelName: string, kernelFunc: KernelFunc, f: () => T): T {
  const backendName = getBackend();
  return composed(() => {
    registerKernel({ kernelName, backendName, kernelFunc });
    try {
      return f();
    } finally {
      unregisterKernel(kernelName, backendName);
    }
  });
}

/**
 * Runs `f` on the engine in use with a stand-in for a fused kernel, and no other. It gives 7 everywhere in a tensor of that shape, which
 * no composition gives, or in several.
 *
 * @returns what `f` returned, and how the kernel was called meanwhile
 */
export function withStandIn<T>(
  kernelName: string,
  shape: readonly number[],
  f: () => T,
  outputs = 1,
): { result: T; calls: KernelCall[] } {
  const calls: KernelCall[] = [];
  const kernelFunc: KernelFunc = ({ inputs, attrs }) => {
    calls.push({ inputs: Object.keys(inputs).sort(), attrs: attrs ?? {} });
    const made = Array.from({ length: outputs }, () => fill([...shape], 7));
    return outputs === 1 ? made[0]! : made;
  };
  return { result: withKernel(kernelName, kernelFunc, f), calls };
}

/** Runs `f` on the engine in use as if it had no fused kernel: every op is its composition. */
export function composed<T>(f: () => T): T {
  const kernels = getKernelsForBackend(getBackend()).filter(({ kernelName }) => kernelName.startsWith("Mixtape"));
  for (const { kernelName, backendName } of kernels) unregisterKernel(kernelName, backendName);
  try {
    return f();
  } finally {
    for (const kernel of kernels) registerKernel(kernel);
  }
}
