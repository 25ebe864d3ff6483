/** Evaluation during a run: schedule, best step, and early stopping. */

import { checkOptions, type OptionNames } from "@mixtape/errors";
import { encodeWeight } from "@mixtape/ops";
import { viewOfBytes } from "@mixtape/safetensors";
import { CausalLMTask } from "./causal-lm-task.js";
import { checkList, checkWhole } from "./checks.js";
import type { ExamplesData } from "./data-loader.js";
import { TrainingError } from "./errors.js";
import { evaluate } from "./evaluate.js";
import type { StepEvaluation, TrainingStep } from "./metrics.js";
import type { NamedParam } from "./params.js";
import { withValues } from "./restore.js";
import type { TrainingTask } from "./training-task.js";

/** Evaluation on held-out texts during a run. */
export interface HeldOutOptions {
  /**
   * Held-out batches of a causal language model, or a function that computes the loss of anything else. A function must
   * return the same result for the same parameters: a resumed run calls it again.
   */
  readonly data: ExamplesData | ((signal?: AbortSignal) => StepEvaluation | Promise<StepEvaluation>);
  /** Steps between two evaluations. The last step is always evaluated. */
  readonly every: number;
  /**
   * Whether to restore the parameters of the step with the lowest loss at the end, like `load_best_model_at_end` of
   * transformers, and when a signal stops the run: the run's checkpoint has those of its last step, from which it
   * resumes. They are kept in memory, and in the run's checkpoint. Default: false.
   */
  readonly keepBest?: boolean;
  /** Ends the run after this number of evaluations in a row without a new lowest loss. Default: never. */
  readonly patience?: number;
}

const OPTIONS: OptionNames<HeldOutOptions> = { data: true, every: true, keepBest: true, patience: true };

/** Parameters of a step, in float32, by name. */
export interface BestParams {
  readonly step: number;
  readonly values: ReadonlyMap<string, Uint8Array>;
}

/** @throws {OptionError} for an unknown option @throws {TrainingError} for a value out of range */
export function checkHeldOut(options: HeldOutOptions): void {
  checkOptions("evaluation", options, OPTIONS);
  const { data, every, patience } = options;
  checkWhole("evaluation.every", every, 1);
  if (patience !== undefined) checkWhole("evaluation.patience", patience, 1);
  if (typeof data === "function" || typeof (data as ExamplesData | undefined)?.batch === "function") return;
  throw new TrainingError({
    where: "evaluation.data",
    expected: "batches, as dataLoader makes them, or a function that returns the loss",
    got: data === null ? "null" : typeof data,
  });
}

/** Computes the held-out loss. */
export async function evaluateHeldOut<B>(
  { data }: HeldOutOptions,
  task: TrainingTask<B>,
  signal: AbortSignal | undefined,
): Promise<StepEvaluation> {
  if (typeof data !== "function") {
    if (!(task instanceof CausalLMTask))
      throw new TrainingError({
        where: "evaluation.data",
        expected: "a function that returns the loss, for a task without a causal language model",
        got: "batches",
      });
    const { loss } = await evaluate(task.model, data, { signal });
    return { loss };
  }
  const { loss, metrics } = await data(signal);
  if (typeof loss !== "number")
    throw new TrainingError({ where: "evaluation.data", expected: "a loss, a number", got: `${loss}` });
  return metrics ? { loss, metrics } : { loss };
}

/**
 * Returns the step with the lowest held-out loss, the first of several; null if none was evaluated to a finite loss.
 */
export function bestStep(history: readonly TrainingStep[]): number | null {
  checkList("bestStep", "a list of steps", history, (step) => typeof step === "object" && step !== null);
  let best: { step: number; loss: number } | null = null;
  for (const { step, evaluation } of history)
    if (evaluation && Number.isFinite(evaluation.loss) && (best === null || evaluation.loss < best.loss))
      best = { step, loss: evaluation.loss };
  return best?.step ?? null;
}

/** Whether `patience` evaluations in a row brought no new lowest loss. */
export function hasStalled(history: readonly TrainingStep[], patience = Number.POSITIVE_INFINITY): boolean {
  const best = bestStep(history) ?? 0;
  return history.filter(({ step, evaluation }) => evaluation && step > best).length >= patience;
}

/** Copies the current parameters. */
export async function copyParams(params: readonly NamedParam[], step: number): Promise<BestParams> {
  const values = new Map<string, Uint8Array>();
  for (const [name, { weight }] of params) values.set(name, (await encodeWeight(weight, "F32")).slice());
  return { step, values };
}

/** Restores parameters to the values of a copy. */
export async function restoreParams(params: readonly NamedParam[], { values }: BestParams): Promise<void> {
  for (const [name, param] of params) {
    const restored = await withValues(param, viewOfBytes(name, "F32", param.shape, values.get(name)!));
    param.assign(restored.weight.parts);
  }
}
