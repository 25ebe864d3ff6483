import type { Outcome } from "./outcome.js";

const KINDS = ["read", "refused", "untyped", "hang", "crash"] as const;

/** Number of failures shown for each target; the rest is counted. */
const SHOWN = 12;

/** Counts outcomes, and keeps the failures. */
export class Table {
  readonly #counts = new Map<string, Record<Outcome["kind"], number>>();
  readonly #failures = new Map<string, { index: number; outcome: Outcome; count: number }>();

  add(target: string, index: number, outcome: Outcome): void {
    const counts = this.#counts.get(target) ?? { read: 0, refused: 0, untyped: 0, hang: 0, crash: 0 };
    counts[outcome.kind]++;
    this.#counts.set(target, counts);
    if (outcome.kind === "read" || outcome.kind === "refused") return;
    // The same failure occurs for many inputs: numbers in its text are ignored.
    const key = `${target} ${outcome.kind} ${outcome.what.replace(/\d+/g, "#").slice(0, 120)}`;
    const known = this.#failures.get(key);
    if (known === undefined) this.#failures.set(key, { index, outcome, count: 1 });
    else known.count++;
  }

  get failed(): boolean {
    return this.#failures.size > 0;
  }

  /** Returns a Markdown table. */
  toString(): string {
    const rows = [...this.#counts].map(([target, counts]) => {
      const all = KINDS.reduce((sum, kind) => sum + counts[kind], 0);
      return [target, all, ...KINDS.map((kind) => counts[kind])];
    });
    const sums = [0, 1, 2, 3, 4, 5].map((column) => rows.reduce((sum, row) => sum + Number(row[column + 1]), 0));
    const lines = [...rows, ["all", ...sums]].map(
      (row) => `| ${row.map((cell) => cell.toLocaleString("en-US")).join(" | ")} |\n`,
    );
    return `| input | inputs | read | refused by a typed error | untyped errors | beyond 2 s | crashes |\n|---|--:|--:|--:|--:|--:|--:|\n${lines.join("")}`;
  }

  /** Returns the inputs that should have been read or refused, one of each kind. */
  failures(seed: number): string {
    const byTarget = [...this.#failures].map(([key, failure]) => ({ target: key, ...failure }));
    return byTarget
      .sort((a, b) => b.count - a.count)
      .slice(0, SHOWN * 3)
      .map(({ target, index, outcome, count }) => {
        const name = [...this.#counts.keys()].find((one) => target.startsWith(`${one} ${outcome.kind}`)) ?? target;
        return `${outcome.kind} (${count}): npm run fuzz -- --only "${name}" --seed ${seed} --index ${index}\n  ${outcome.what}\n`;
      })
      .join("");
  }
}
