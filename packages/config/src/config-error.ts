import { MixtapeError } from "@mixtape/errors";

/** One issue in a config. */
export interface ConfigIssue {
  /** The key, spelled as in the source: `num_experts`, `rope_scaling.factor`, `layer_types[3]`. */
  readonly key: string;
  /** The expected value, as a noun phrase. */
  readonly expected: string;
  /** The actual value. */
  readonly got: string;
  /** Fix, as a sentence without its full stop. */
  readonly fix?: string;
  /** Whether transformers tolerates it: an error by default, and for files a warning if `onWarning` is given. */
  readonly tolerated?: boolean;
}

/** A config that cannot be read, created or written. Names the file and every wrong key. */
export class ConfigError extends MixtapeError {
  static override readonly brand: string = "ConfigError";

  /** The file, or the name of its definition for a config created in code: `config.json`, `afmoe config`. */
  readonly file: string;
  /** All issues that were found. */
  readonly issues: readonly ConfigIssue[];

  constructor(file: string, issues: readonly [ConfigIssue, ...ConfigIssue[]]) {
    const [first, ...more] = issues;
    if (more.length === 0) super({ ...first, where: `${file}: ${first.key}` });
    else super({ where: file, expected: "a valid config", got: `${issues.length} issues:${list(issues)}` });
    this.file = file;
    this.issues = issues;
  }
}

/** Number of issues that the message lists; all of them are in `faults`. */
const LISTED = 20;

function list(issues: readonly ConfigIssue[]): string {
  const lines = issues
    .slice(0, LISTED)
    .map(({ key, expected, got, fix }) => `\n  ${key}: expected ${expected}, got ${got}${fix ? `. ${fix}` : ""}`);
  const more = issues.length - lines.length;
  return lines.join("") + (more > 0 ? `\n  and ${more} more` : "");
}

const SHOWN = 60;

/** Formats a value for an error message: JSON, truncated. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" || isJsonContainer(value) ? JSON.stringify(value) : String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function isJsonContainer(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
