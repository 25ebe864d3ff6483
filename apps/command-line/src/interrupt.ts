/** Ctrl-C. */

/** Catches the first Ctrl-C; the second one ends the process at once. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener = (): void => this.#controller.abort();

  constructor() {
    // Once: without a listener, the system's default handling ends the process.
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
