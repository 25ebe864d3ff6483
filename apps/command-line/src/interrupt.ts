/** Ctrl-C. */

/** Notices the first Ctrl-C; the second one ends the process at once. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener = (): void => this.#controller.abort();

  constructor() {
    // Once: with no listener left, the system's own way of ending a process is back.
    process.once("SIGINT", this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get came(): boolean {
    return this.signal.aborted;
  }

  [Symbol.dispose](): void {
    process.removeListener("SIGINT", this.#listener);
  }
}
