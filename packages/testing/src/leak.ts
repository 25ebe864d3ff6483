import { memory } from "@tensorflow/tfjs-core";

/**
 * Runs `f`, which must leave as many tensors and data buffers as it found.
 * @returns what `f` returns
 * @throws {Error} that says how many are left over.
 */
export async function withoutLeak<T>(f: () => T | Promise<T>): Promise<T> {
  const before = memory();
  const result = await f();
  const after = memory();
  const tensors = after.numTensors - before.numTensors;
  const buffers = after.numDataBuffers - before.numDataBuffers;
  if (tensors !== 0 || buffers !== 0)
    throw new Error(
      `expected as many tensors as before, got ${signed(tensors)} tensors and ${signed(buffers)} buffers`,
    );
  return result;
}

function signed(n: number): string {
  return n > 0 ? `+${n}` : `${n}`;
}
