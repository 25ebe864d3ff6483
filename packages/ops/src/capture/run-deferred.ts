import type { TensorContainer } from "@tensorflow/tfjs-core";
import { engineTraits } from "../engines/engines.js";
import { deferring } from "./deferring.js";
import { isWatched } from "./watched.js";

/**
 * Runs a function of tensors such that JavaScript can go on while they are computed: timers run, and requests are answered. On engines
 * that compute on JavaScript's own thread, it runs as it is. Until the promise settles, its inputs must neither be disposed nor change, nor
 * may the caches and weights that it writes be used.
 * @returns its result, whose numbers are computed
 * @throws the signal's reason if it is aborted meanwhile; a cache that the function has changed is not whole then
 */
export async function runDeferred<T extends TensorContainer>(f: () => T, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  const { deferral } = engineTraits();
  if (!deferral || isWatched()) return f();
  return deferral.run(() => deferring(f), signal);
}
