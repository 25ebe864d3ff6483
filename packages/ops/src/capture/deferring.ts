let isActive = false;

/** Runs `f`, whose kernels an engine queues. */
export function deferring<T>(f: () => T): T {
  isActive = true;
  try {
    return f();
  } finally {
    isActive = false;
  }
}

/** Returns whether kernels are queued: their results must not be kept for other callers, since they are computed later or never. */
export function isDeferring(): boolean {
  return isActive;
}
