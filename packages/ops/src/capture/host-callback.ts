let note: ((effect: () => void) => void) | undefined;

/** Changes state of JavaScript's, such as a length. Where a step is recorded, each repetition of it does so too. */
export function effect(change: () => void): void {
  change();
  note?.(change);
}

/** Runs `f`, and tells `listener` of each {@link effect} in it. For recorders. */
export function notingEffects<T>(listener: (effect: () => void) => void, f: () => T): T {
  const before = note;
  note = listener;
  try {
    return f();
  } finally {
    note = before;
  }
}

/** Whether a step is recorded right now. */
export function isNoting(): boolean {
  return note !== undefined;
}
