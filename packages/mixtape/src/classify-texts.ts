import type { DecoderConfig } from "@mixtape/config";
import type { ForSequenceClassification, ForTokenClassification } from "@mixtape/decoder";
import { checkOptions, OptionError, type OptionNames } from "@mixtape/errors";
import type { Tokenizer } from "@mixtape/tokenizer";

/** A class and how well it fits. */
export interface LabelScore {
  /** Its name in `id2label` of the config. */
  readonly label: string;
  /** Probability of the class; of a regression the number itself. */
  readonly score: number;
}

/** A token of a text, with the class that fits best. */
export interface ClassifiedToken extends LabelScore {
  readonly id: number;
  /** The part of the text that it stands for: a special token for none. */
  readonly start: number;
  readonly end: number;
}

/** Options of {@link classifyTexts} and {@link classifyTokens}. */
export interface ClassifyOptions {
  /** Rows of a batch. Default 8; always 1 for a model without a padding token. */
  readonly batchSize?: number;
  /** Stops between two batches. */
  readonly signal?: AbortSignal;
}

const OPTIONS: OptionNames<ClassifyOptions> = { batchSize: true, signal: true };

/**
 * Classifies texts: the labels of each, the best first. Probabilities are those of transformers' pipeline: a softmax over the
 * classes, for several labels at once a sigmoid of each, and for a regression the numbers as they are.
 *
 * ```ts
 * const model = await loadModel(folder, { task: "text-classification" });
 * const [[best]] = await classifyTexts(model, await loadTokenizer(folder), ["A fine day!"]);
 * console.log(best.label, best.score);
 * ```
 *
 * @param texts texts, or token ids
 * @throws {OptionError} for an option that it does not know, and for an empty text
 * @throws {DecoderError} for ids outside the vocabulary
 */
export async function classifyTexts(
  model: ForSequenceClassification,
  tokenizer: Pick<Tokenizer, "encode"> | null,
  texts: readonly (string | readonly number[])[],
  options: ClassifyOptions = {},
): Promise<LabelScore[][]> {
  const rows = texts.map((text, i) => idsOf(text, tokenizer, `texts[${i}]`));
  const { numLabels } = model.config;
  const scores: LabelScore[][] = [];
  for await (const batch of dataLoader(rows, model.config, options)) {
    const { logits } = model.forward(batch);
    const values = await logits.data();
    logits.dispose();
    for (let row = 0; row < batch.inputIds.length; row++)
      scores.push(labelScores(values.subarray(row * numLabels, (row + 1) * numLabels), model.config));
  }
  return scores;
}

/**
 * Classifies the tokens of a text: each with the class that fits best.
 * @throws {OptionError} for an option that it does not know, and for an empty text
 */
export async function classifyTokens(
  model: ForTokenClassification,
  tokenizer: Pick<Tokenizer, "encodeWithOffsets">,
  text: string,
  options: ClassifyOptions = {},
): Promise<ClassifiedToken[]> {
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  const { numLabels, id2label } = model.config;
  const tokens: ClassifiedToken[] = [];
  for await (const batch of dataLoader([checked(ids, "text")], model.config, options)) {
    const { logits } = model.forward(batch);
    const values = await logits.data();
    logits.dispose();
    for (const [i, id] of ids.entries()) {
      const scores = softmax([...values.subarray(i * numLabels, (i + 1) * numLabels)]);
      const best = scores.indexOf(Math.max(...scores));
      const [start, end] = offsets[i]!;
      tokens.push({ id, start, end, label: id2label[best]!, score: scores[best]! });
    }
  }
  return tokens;
}

/** The labels of a text by its logits, the best first. */
export function labelScores(
  logits: ArrayLike<number>,
  config: Pick<DecoderConfig, "id2label" | "problemType">,
): LabelScore[] {
  const values = Array.from(logits);
  const isRegression = config.problemType === "regression";
  const isEachForItself = config.problemType === "multi_label_classification" || values.length === 1;
  const scores = isRegression ? values : isEachForItself ? values.map(sigmoid) : softmax(values);
  const named = scores.map((score, i) => ({ label: config.id2label[i]!, score }));
  return isRegression ? named : named.sort((a, b) => b.score - a.score);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function softmax(values: readonly number[]): number[] {
  const most = Math.max(...values);
  const exps = values.map((value) => Math.exp(value - most));
  const sum = exps.reduce((total, one) => total + one, 0);
  return exps.map((one) => one / sum);
}

interface PaddedBatch {
  readonly inputIds: number[][];
  readonly attentionMask: number[][];
}

/** Rows of ids as batches, padded on the right. */
async function* dataLoader(
  rows: readonly (readonly number[])[],
  { padTokenId }: Pick<DecoderConfig, "padTokenId">,
  options: ClassifyOptions,
): AsyncGenerator<PaddedBatch> {
  checkOptions("classify", options, OPTIONS);
  const { batchSize = 8, signal } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new OptionError({ where: "classify: batchSize", expected: "at least 1", got: String(batchSize) });
  // A padding token below 0, as old configs have, is in no vocabulary.
  const size = padTokenId === null || padTokenId < 0 ? 1 : batchSize;
  for (let i = 0; i < rows.length; i += size) {
    signal?.throwIfAborted();
    const some = rows.slice(i, i + size);
    const length = Math.max(...some.map((row) => row.length));
    const fill = (row: readonly number[], filler: number): number[] => [
      ...row,
      ...Array<number>(length - row.length).fill(filler),
    ];
    yield {
      inputIds: some.map((row) => fill(row, padTokenId ?? 0)),
      attentionMask: some.map((row) =>
        fill(
          row.map(() => 1),
          0,
        ),
      ),
    };
    // The event loop has its turn.
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function idsOf(
  text: string | readonly number[],
  tokenizer: Pick<Tokenizer, "encode"> | null,
  where: string,
): readonly number[] {
  if (typeof text !== "string") return checked(text, where);
  if (!tokenizer) throw new OptionError({ where, expected: "token ids, as there is no tokenizer", got: "a text" });
  return checked(tokenizer.encode(text), where);
}

function checked(ids: readonly number[], where: string): readonly number[] {
  if (ids.length === 0) throw new OptionError({ where, expected: "at least one token", got: "none" });
  return ids;
}
