import { causalLoss, type ForCausalLM, readBatch } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import { tidy } from "@tensorflow/tfjs-core";
import { countLabels, type TrainingBatch } from "./batch.js";
import { checkWhole, expectThat } from "./checks.js";
import type { ExamplesData } from "./data-loader.js";
import { TrainingError } from "./errors.js";
import { nextTurn } from "./next-turn.js";

/** Loss of evaluated texts. */
export interface Evaluation {
  /** Mean cross-entropy of a label, in nats. */
  readonly loss: number;
  /** `exp(loss)`. */
  readonly perplexity: number;
  /** Number of labels that the loss is averaged over. */
  readonly tokens: number;
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Stops between two batches; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each batch, with the numbers of finished batches and of all. */
  readonly onBatch?: (done: number, all: number) => void;
}

const OPTIONS: OptionNames<EvaluateOptions> = { signal: true, onBatch: true };

/**
 * Computes the loss of one epoch of `data`: the mean over all labels, however they are distributed over batches. Router
 * losses are excluded, and dropout is off. Between batches it yields to the event loop.
 *
 * @param model a model, or an object whose `forward` runs one: with an adapter selected, for example
 * @throws {OptionError} for an unknown option
 * @throws {TrainingError} if all labels are ignored
 */
export async function evaluate(
  model: Pick<ForCausalLM, "forward">,
  data: Pick<ExamplesData, "batch" | "batchesPerEpoch">,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkOptions("evaluate", options, OPTIONS);
  const { signal, onBatch } = options;
  expectThat(typeof model?.forward === "function", "evaluate", "a model, or an object with its forward", model);
  expectThat(typeof data?.batch === "function", "evaluate: data", "batches, as dataLoader makes them", data);
  checkWhole("evaluate: data.batchesPerEpoch", data.batchesPerEpoch, 1);
  const all = data.batchesPerEpoch;
  let [sum, tokens] = [0, 0];
  for (let i = 0; i < all; i++) {
    await nextTurn();
    signal?.throwIfAborted();
    const batch = await data.batch(i);
    const labels = countLabels(batch);
    if (labels > 0) sum += await summedLoss(model, batch);
    tokens += labels;
    onBatch?.(i + 1, all);
  }
  if (tokens === 0)
    throw new TrainingError({ where: "evaluate", expected: "at least one label that is not -100", got: "none" });
  return { loss: sum / tokens, perplexity: Math.exp(sum / tokens), tokens };
}

async function summedLoss(model: Pick<ForCausalLM, "forward">, { labels, ...inputs }: TrainingBatch): Promise<number> {
  const loss = tidy(() => {
    const { logits } = model.forward({ ...inputs, outputRouterLogits: false });
    return causalLoss(logits, readBatch(labels, "labels"), 1);
  });
  const [sum] = await loss.data();
  loss.dispose();
  return sum!;
}
