import { causalLoss, type ForCausalLM, readBatch } from "@mixtape/decoder";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import { tidy } from "@tensorflow/tfjs-core";
import { countLabels, type TrainingBatch } from "./batch.js";
import { checkWhole, expectThat } from "./checks.js";
import type { ExamplesData } from "./data-loader.js";
import { TrainingError } from "./errors.js";
import { nextTurn } from "./next-turn.js";

/** The loss of texts that nothing is learnt from. */
export interface Evaluation {
  /** Mean cross-entropy of a label, in nats. */
  readonly loss: number;
  /** `exp(loss)`. */
  readonly perplexity: number;
  /** The labels that the loss is the mean of. */
  readonly tokens: number;
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Stops between two batches; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each batch, with how many of all are done. */
  readonly onBatch?: (done: number, all: number) => void;
}

const OPTIONS: OptionNames<EvaluateOptions> = { signal: true, onBatch: true };

/**
 * Computes the loss of one epoch of `data`: the mean over all labels, however they are spread over batches. Router losses are
 * no part of it, and dropout is off. Between batches the event loop has its turn.
 *
 * @param model a model, or an object whose `forward` runs one: with an adapter selected, for example
 * @throws {OptionError} for an option that it does not know
 * @throws {TrainingError} where no label counts
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
