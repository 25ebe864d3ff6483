import { parseJson } from "@mixtape/errors";
import { expectThat, show } from "./checks.js";
import { TrainingError } from "./errors.js";
import type { ExpertLoad } from "./training-task.js";

/** The loss of held-out texts after a step. */
export interface StepEvaluation {
  /** Decides which step is the best: the lowest. In nats per token. */
  readonly loss: number;
  /** More numbers, by name. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** What a step did. */
export interface TrainingStep {
  /** From 1. */
  readonly step: number;
  /** In nats per label, auxiliary losses included. */
  readonly loss: number;
  /** What the task says that it consists of. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The length of all gradients before they were shortened. */
  readonly gradNorm: number;
  /** That of each parameter group with a `maxGradNorm` of its own. */
  readonly gradNorms: Readonly<Record<string, number>>;
  readonly learningRate: number;
  /** Tokens of its batches, padding not counted. */
  readonly tokens: number;
  /** Labels that counted. */
  readonly labels: number;
  /** How long it took. */
  readonly seconds: number;
  /** How many tokens each expert was given; empty where the task does not tell. */
  readonly expertLoads: readonly ExpertLoad[];
  /** Present where the step was followed by an evaluation on held-out texts. */
  readonly evaluation?: StepEvaluation;
}

/** A step as a line of JSON, its end included. */
export function toMetricsLine(step: TrainingStep): string {
  return `${JSON.stringify(step)}\n`;
}

/**
 * Reads steps from such lines. A last line that was cut off is left out.
 * @param where the file, for errors
 * @throws {TrainingError} naming the line that is no step
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

/** A loss that was no finite number is null in JSON. */
function isEvaluation(value: unknown): boolean {
  const { loss } = (value ?? {}) as Partial<Record<keyof StepEvaluation, unknown>>;
  return typeof loss === "number" || loss === null;
}
