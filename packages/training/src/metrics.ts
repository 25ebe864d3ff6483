import type { ExpertLoad } from "./trainee.js";

/** What a step did. */
export interface TrainingStep {
  /** From 1. */
  readonly step: number;
  /** In nats per label, auxiliary losses included. */
  readonly loss: number;
  /** What the trainee says that it consists of. */
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
  /** How many tokens each expert was given; empty where the trainee does not tell. */
  readonly expertLoads: readonly ExpertLoad[];
}

/** A step as a line of JSON, its end included. */
export function toMetricsLine(step: TrainingStep): string {
  return `${JSON.stringify(step)}\n`;
}

/** The steps of a file of such lines. A last line that was cut off is left out. */
export function parseMetrics(text: string): TrainingStep[] {
  const lines = text.split("\n");
  return lines.slice(0, -1).map((line) => JSON.parse(line) as TrainingStep);
}
