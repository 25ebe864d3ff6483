import { MixtapeError } from "@mixtape/errors";
import { Random } from "./random.js";
import type { Files, Reader } from "./target.js";

/** Outcome of an input. */
export interface Outcome {
  readonly kind: "read" | "refused" | "untyped" | "hang" | "crash";
  /** Class of the error, or another distinguishing property. */
  readonly what: string;
}

/** Processor time, in milliseconds, beyond which an input counts as a hang. */
const LIMIT_MS = 2000;

/**
 * Runs one input. Time is processor time, and a slow input runs once more: a shared processor makes an input slow, but
 * not twice.
 */
export async function outcomeOf(reader: Reader, seed: number, index: number): Promise<Outcome> {
  const first = await timed(reader, seed, index);
  if (first.milliseconds <= LIMIT_MS) return first.outcome;
  const { milliseconds, outcome } = await timed(reader, seed, index);
  return milliseconds > LIMIT_MS
    ? { kind: "hang", what: `${Math.round(milliseconds)} ms, then ${outcome.what}` }
    : first.outcome;
}

async function timed(reader: Reader, seed: number, index: number): Promise<{ milliseconds: number; outcome: Outcome }> {
  const files = reader.make(new Random(seed, index));
  const before = process.cpuUsage();
  const outcome = await settled(reader, files);
  const { user, system } = process.cpuUsage(before);
  return { milliseconds: (user + system) / 1000, outcome };
}

async function settled(reader: Reader, files: Files): Promise<Outcome> {
  try {
    await reader.read(files);
    return { kind: "read", what: "" };
  } catch (error) {
    if (error instanceof MixtapeError)
      return { kind: "refused", what: `${error.name}: ${error.message}`.slice(0, 300) };
    const what = error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 300) : String(error).slice(0, 300);
    const at =
      error instanceof Error
        ? (error.stack?.split("\n").find((line) => line.includes("/packages/") || line.includes("/node_modules/")) ??
          "")
        : "";
    return { kind: "untyped", what: `${what} ${at.trim()}` };
  }
}
