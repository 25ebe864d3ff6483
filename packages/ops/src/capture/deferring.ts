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

/** Returns whether kernels are queued. */
export function isDeferring(): boolean {
  return isActive;
}
