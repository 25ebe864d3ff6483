import type { Dict, Value } from "./values.js";

/** Variables of a block of a template. Other names are looked up in the enclosing scope. */
export class Scope {
  readonly #variables = new Map<string, Value>();

  /**
   * Whether the enclosing loop iterates over numbers: the first message that it looks up is then its current message.
   */
  looksUp = false;

  constructor(
    readonly parent: Scope | undefined,
    /** The dict that the enclosing loop is at; text printed meanwhile is attributed to it. */
    public subject: Dict | null = parent?.subject ?? null,
  ) {}

  get(name: string): Value | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      const value = scope.#variables.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  set(name: string, value: Value): void {
    this.#variables.set(name, value);
  }
}
