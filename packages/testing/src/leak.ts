import { memory } from "@tensorflow/tfjs-core";

/**
 * Runs `f`, which must leave as many tensors and data buffers as before.
 * @returns the result of `f`
 * @throws {Error} with the number of leaked tensors and buffers.
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
