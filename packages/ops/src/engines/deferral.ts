/** Computes kernels on another thread than JavaScript's. */
export interface Deferral {
  /**
   * Runs a function, whose kernels are queued, and computes them on another thread. Where the function reads the numbers of a tensor,
   * what is queued is computed at once.
   * @returns its result, once it is computed
   * @throws the signal's reason, within milliseconds; nothing computes any more then. Of what the function has changed, such as a cache,
   *   a part may be computed
   */
  run<T>(f: () => T, signal?: AbortSignal): Promise<T>;
}
