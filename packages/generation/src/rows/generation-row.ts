import { GenerationError } from "../generation-error.js";
import { logprobsOf, type TokenLogprobs } from "../logprobs.js";
import { BANNING, blameOptions, RAISING } from "../options/blame-options.js";
import type { ResolvedOptions } from "../options/generation-options.js";
import type { LogitsProcessor } from "../processors/logits-processor.js";
import { processorsOf } from "../processors/processors-of.js";
import { checkPrompts } from "../prompts.js";
import { type Rng, seededRng } from "../sampling/rng.js";
import { argmax, greedySampler, multinomialSampler, type Sampler } from "../sampling/sampler.js";
import type { StoppingContext, StoppingCriterion } from "../stopping/stopping-criterion.js";
import { ownCriterion, ownSampler } from "./own-parts.js";

/**
 * Reason for the end of a row: `eos` at an end token, `stop` at a stop string or by a stopping criterion, `length` at `maxNewTokens` or at the
 * end of the model's context.
 */
export type FinishReason = "eos" | "stop" | "length";

/** One new token of one row. */
export interface GeneratedToken {
  /** Index of the prompt that it continues. */
  readonly row: number;
  /** Id of the new token. */
  readonly id: number;
  /** Given with the last token of the row, which is the end token itself for `eos`. */
  readonly finishReason?: FinishReason;
  /** Given if `finishReason` is `stop`: the stop string, or the name of the stopping criterion. */
  readonly stopReason?: string;
  /** Log-probabilities, if `logprobs` asks for them. */
  readonly logprobs?: TokenLogprobs;
  /**
   * Log-probabilities of the prompt's tokens, with the first new token of a row if `promptLogprobs` asks for them. Null for the first
   * token of the prompt, which nothing predicts.
   */
  readonly promptLogprobs?: readonly (TokenLogprobs | null)[];
  /** With a `cache`, given with the first token of the row: prompt tokens that it had, and that were not computed again. */
  readonly cachedTokens?: number;
}

/** The text of a row, for stop strings and for criteria that look at it. */
export interface RowText {
  /** Text of the new tokens so far. */
  readonly text: string;
  /** Adds a token. Returns the stop string that it completes. */
  push(id: number): string | undefined;
}

/**
 * The state of one row: its tokens, and the parts that choose the next one and end the row. It knows no model: whoever drives it gives
 * it the logits of each step, so rows of different options and ages may share a batch.
 *
 * ```ts
 * const row = new GenerationRow(0, [1, 2, 3], resolveOptions({ maxNewTokens: 10 }, model));
 * while (!row.done) row.next(await logitsOf(row.ids));
 * ```
 */
export class GenerationRow implements StoppingContext {
  readonly row: number;
  readonly ids: number[];
  readonly promptLength: number;
  /** Whether the row has ended. */
  done = false;
  readonly #options: ResolvedOptions;
  readonly #processors: readonly LogitsProcessor[];
  readonly #sampler: Sampler;
  readonly #rng: Rng;
  readonly #criteria: readonly StoppingCriterion[];
  readonly #text: RowText | undefined;

  /**
   * @param row index, on which the random numbers depend, and which the row's parts see
   * @param text the row's text, for criteria that look at it and for stop strings
   * @throws {GenerationError} naming a part of the caller's that cannot be built; for anything else than ids and resolved options
   */
  constructor(row: number, prompt: readonly number[], options: ResolvedOptions, text?: RowText) {
    checkPrompts([prompt]);
    this.row = row;
    this.ids = [...prompt];
    this.promptLength = prompt.length;
    this.#options = options;
    this.#processors = processorsOf(options, this);
    this.#rng = seededRng(options.seed, row);
    const builtIn = options.doSample ? multinomialSampler : greedySampler;
    this.#sampler = options.sampler === null ? builtIn : ownSampler(options.sampler, this);
    this.#criteria = options.stoppingCriteria.map((part) => ownCriterion(part, this));
    this.#text = text;
  }

  /** Number of new tokens. */
  get newTokens(): number {
    return this.ids.length - this.promptLength;
  }

  get text(): string | undefined {
    return this.#text?.text;
  }

  /**
   * Chooses the next token, adds it, and says whether it is the last.
   * @param logits `[V]` of the row's last position, not changed
   * @param scratch `[V]`, for the processed logits; rows that take their steps one after the other may share it
   * @throws {GenerationError} for logits that are not numbers, naming the processor, sampler or criterion at fault if it is one of
   * the caller's
   */
  next(logits: Float32Array, scratch: Float32Array = new Float32Array(logits.length)): GeneratedToken {
    const { logprobs } = this.#options;
    const { id, scores } = this.#choose(logits, scratch);
    const wanted = logprobs && logprobsOf(logprobs.of === "scores" ? scores : logits, id, logprobs.top);
    this.ids.push(id);
    const end = this.#end(id);
    this.done = end !== undefined;
    return { row: this.row, id, ...end, ...(wanted && { logprobs: wanted }) };
  }

  #choose(logits: Float32Array, scratch: Float32Array): { readonly id: number; readonly scores: Float32Array } {
    if (this.#sampler === greedySampler && this.#processors.length === 0) {
      const id = argmax(logits);
      this.#checkLogit(logits, id);
      return { id, scores: logits };
    }
    for (let id = 0; id < logits.length; id++) this.#checkLogit(logits, id);
    scratch.set(logits);
    let scores = scratch;
    for (const processor of this.#processors) scores = processor.process(scores, this) ?? scores;
    this.#checkScores(scores);
    return { id: this.#sampler.sample(scores, this.#rng, this), scores };
  }

  #end(id: number): { readonly finishReason: FinishReason; readonly stopReason?: string } | undefined {
    const { eosTokenIds, maxNewTokens, maxLength } = this.#options;
    if (eosTokenIds.has(id)) return { finishReason: "eos" };
    const stop = this.#text?.push(id) ?? this.#criteria.find((criterion) => criterion.stop(this))?.name;
    if (stop !== undefined) return { finishReason: "stop", stopReason: stop };
    if (this.newTokens >= maxNewTokens || this.ids.length >= maxLength) return { finishReason: "length" };
    return undefined;
  }

  /** Damaged weights give NaN everywhere, which would otherwise choose the first token of the vocabulary. */
  #checkLogit(logits: Float32Array, id: number): void {
    if (logits[id]! < Infinity) return;
    throw new GenerationError({
      where: `logits of row ${this.row}`,
      expected: "numbers",
      got: `${logits[id]} for token ${id}`,
      fix: {
        option: "checkFinite",
        value: true,
        text: (option) => `The weights may be damaged: loading with ${option} names the tensor`,
      },
    });
  }

  /** Options can rule out every token, or raise logits beyond float32. */
  #checkScores(scores: Float32Array): void {
    const largest = scores[argmax(scores)]!;
    if (Number.isFinite(largest)) return;
    const isOverflow = !(largest < Infinity);
    throw new GenerationError({
      where: `logits of row ${this.row} after the processors`,
      expected: "a token that can be chosen",
      got: isOverflow ? `${largest} for token ${argmax(scores)}` : "none",
      fix: blameOptions(isOverflow ? RAISING : BANNING, this.#options),
    });
  }
}
