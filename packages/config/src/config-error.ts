import { MixtapeError } from "@mixtape/errors";

/** One thing that is wrong with a config. */
export interface Fault {
  /** The key at fault, spelled as the reader wrote it: `num_experts`, `rope_scaling.factor`, `layer_types[3]`. */
  readonly key: string;
  /** What would have been right, as a noun phrase. */
  readonly expected: string;
  /** What came instead. */
  readonly got: string;
  /** The way out, as a sentence without its full stop. */
  readonly fix?: string;
  /** Whether transformers goes on past it: an error in code, and a warning in a file where those are asked for. */
  readonly tolerated?: boolean;
}

/** A config that cannot be read, made or written. Names the file and every key at fault. */
export class ConfigError extends MixtapeError {
  static override readonly brand: string = "ConfigError";

  /** The file, or what stood for it: `config.json`, `afmoe config`. */
  readonly file: string;
  /** Every fault that was found. */
  readonly faults: readonly Fault[];

  constructor(file: string, faults: readonly [Fault, ...Fault[]]) {
    const [first, ...more] = faults;
    if (more.length === 0) super({ ...first, where: `${file}: ${first.key}` });
    else super({ where: file, expected: "a config without faults", got: `${faults.length} faults:${list(faults)}` });
    this.file = file;
    this.faults = faults;
  }
}

/** As many as a person reads; all of them are in `faults`. */
const LISTED = 20;

function list(faults: readonly Fault[]): string {
  const lines = faults
    .slice(0, LISTED)
    .map(({ key, expected, got, fix }) => `\n  ${key}: expected ${expected}, got ${got}${fix ? `. ${fix}` : ""}`);
  const more = faults.length - lines.length;
  return lines.join("") + (more > 0 ? `\n  and ${more} more` : "");
}

const SHOWN = 60;

/** A value as an error message shows it: JSON, cut short. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" || isJsonContainer(value) ? JSON.stringify(value) : String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function isJsonContainer(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
