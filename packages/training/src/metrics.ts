import { parseJson } from "@mixtape/errors";
import { expectThat, show } from "./checks.js";
import { TrainingError } from "./errors.js";
import type { ExpertLoad } from "./training-task.js";

/** Held-out loss after a step. */
export interface StepEvaluation {
  /** Decides the best step: the lowest. In nats per token. */
  readonly loss: number;
  /** More numbers, by name. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** Result of a training step. */
export interface TrainingStep {
  /** From 1. */
  readonly step: number;
  /** In nats per label, auxiliary losses included. */
  readonly loss: number;
  /** Terms of the loss, from the task. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Global gradient norm before clipping. */
  readonly gradNorm: number;
  /** Gradient norm of each parameter group with its own `maxGradNorm`. */
  readonly gradNorms: Readonly<Record<string, number>>;
  readonly learningRate: number;
  /** Number of tokens of its batches, without padding. */
  readonly tokens: number;
  /** Number of labels with a loss. */
  readonly labels: number;
  /** Duration. */
  readonly seconds: number;
  /** Number of tokens of each expert; empty if the task does not report it. */
  readonly expertLoads: readonly ExpertLoad[];
  /** Present if the step was followed by a held-out evaluation. */
  readonly evaluation?: StepEvaluation;
}

/** Formats a step as a line of JSON, with a newline. */
export function toMetricsLine(step: TrainingStep): string {
  return `${JSON.stringify(step)}\n`;
}

/**
 * Parses steps from such lines. A truncated last line is ignored.
 * @param where the file, for errors
 * @throws {TrainingError} naming a line that is not a step
 */
export function parseMetrics(text: string, where = "metrics.jsonl"): TrainingStep[] {
  expectThat(typeof text === "string", where, "text", text);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line, i) => stepOf(line, `${where}: line ${i + 1}`));
}

function stepOf(line: string, where: string): TrainingStep {
  let json: unknown;
  try {
    json = parseJson(line);
  } catch (cause) {
    throw new TrainingError({ where, expected: "a step in JSON", got: show(line), cause });
  }
  const step = (json ?? {}) as Partial<Record<keyof TrainingStep, unknown>>;
  const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
  const numbers = ["step", "loss", "gradNorm", "learningRate", "tokens", "labels", "seconds"] as const;
  const wrong =
    numbers.find((name) => typeof step[name] !== "number") ??
    (["metrics", "gradNorms"] as const).find((name) => !isObject(step[name])) ??
    (Array.isArray(step.expertLoads) && step.expertLoads.every(isLoad) ? undefined : "expertLoads") ??
    (step.evaluation === undefined || isEvaluation(step.evaluation) ? undefined : "evaluation");
  if (wrong === undefined) return json as TrainingStep;
  throw new TrainingError({ where: `${where}: ${wrong}`, expected: "the value of a step", got: show(step[wrong]) });
}

function isLoad(value: unknown): boolean {
  const { router, counts } = (value ?? {}) as Partial<Record<keyof ExpertLoad, unknown>>;
  return typeof router === "string" && Array.isArray(counts) && counts.every((count) => typeof count === "number");
}

/** A loss that was not finite is null in JSON. */
function isEvaluation(value: unknown): boolean {
  const { loss } = (value ?? {}) as Partial<Record<keyof StepEvaluation, unknown>>;
  return typeof loss === "number" || loss === null;
}
