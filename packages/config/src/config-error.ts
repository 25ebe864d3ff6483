import { type ErrorDetails, type Fix, formatFix, MixtapeError, type OptionSyntax } from "@mixtape/errors";

/** One issue in a config. */
export interface ConfigIssue {
  /** The key, spelled as in the source: `num_experts`, `rope_scaling.factor`, `layer_types[3]`. */
  readonly key: string;
  /** The expected value, as a noun phrase. */
  readonly expected: string;
  /** The actual value. */
  readonly got: string;
  /** Fix, as a sentence without its full stop; as `OptionText` if it names an option. */
  readonly fix?: Fix;
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
    super(detailsOf(file, issues));
    this.file = file;
    this.issues = issues;
  }

  override messageFor(syntax: OptionSyntax): string {
    return new MixtapeError(detailsOf(this.file, this.issues, syntax)).messageFor(syntax);
  }
}

function detailsOf(file: string, issues: readonly ConfigIssue[], syntax?: OptionSyntax): ErrorDetails {
  const [only, ...more] = issues;
  if (only && more.length === 0) return { ...only, where: `${file}: ${only.key}` };
  return { where: file, expected: "a valid config", got: `${issues.length} issues:${list(issues, syntax)}` };
}

/** Number of issues that the message lists; all of them are in `issues`. */
const LISTED = 20;

/** Lists issues with their fixes, each on its own line. @param syntax of options in the fixes; default: that of code */
function list(issues: readonly ConfigIssue[], syntax?: OptionSyntax): string {
  const lines = issues.slice(0, LISTED).map(({ key, expected, got, fix }) => {
    const advice = formatFix(fix, syntax);
    return `\n  ${key}: expected ${expected}, got ${got}${advice ? `. ${advice}` : ""}`;
  });
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
