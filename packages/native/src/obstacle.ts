/** What keeps a step that is being recorded from being repeated. */

let obstacle: string | null | undefined;

/** Runs `f`. @returns what it gives, and the first obstacle that was met in it */
export function meetingObstacles<T>(f: () => T): [T, string | null] {
  obstacle = null;
  try {
    return [f(), obstacle];
  } finally {
    obstacle = undefined;
  }
}

/** Notes that something happens which a recording does not hold. */
export function meet(what: string): void {
  if (obstacle === null) obstacle = what;
}

/** To be called where JavaScript reads or writes the numbers of a tensor: a recording holds calls of the addon. */
export function seenByJavaScript(): void {
  meet("numbers that JavaScript reads or writes");
}
