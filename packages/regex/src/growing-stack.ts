import { MAX_MEMORY } from "./limits.js";
import { RegexError } from "./regex-error.js";

/** A stack of 32-bit integers that grows as it is pushed. */
export class GrowingStack {
  items = new Int32Array(1024);
  length = 0;

  /** Reserves space for `count` more items. @throws {RegexError} beyond the memory limit. */
  reserve(count: number): void {
    if (this.length + count <= this.items.length) return;
    if (this.items.byteLength * 2 > MAX_MEMORY / 4) throw memoryError();
    const larger = new Int32Array(this.items.length * 2);
    larger.set(this.items);
    this.items = larger;
  }
}

/** Creates the error for a call that exceeds the memory limit. */
export function memoryError(): RegexError {
  return new RegexError({
    where: "regular expression",
    expected: `a pattern and a text that need at most ${MAX_MEMORY / 2 ** 20} MiB`,
    got: "more",
    fix: "Use a simpler pattern or a shorter text",
  });
}
