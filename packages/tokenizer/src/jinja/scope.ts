import type { Dict, Value } from "./values.js";

/** Variables of a block of a template. Names that it does not bind are looked up around it. */
export class Scope {
  readonly #variables = new Map<string, Value>();

  /** Whether the loop around runs over numbers: the first message that it looks up is what it stands at. */
  looksUp = false;

  constructor(
    readonly parent: Scope | undefined,
    /** The dict that the loop around stands at; what is printed meanwhile belongs to it. */
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
