/** The processors that options ask for. Names, formulas and order are those of transformers' `generation/logits_process`. */
import { GenerationError } from "../generation-error.js";
import type { ResolvedOptions } from "../options/generation-options.js";
import { kindOf } from "../prompts.js";
import { ownProcessor } from "../rows/own-parts.js";
import type { RowContext } from "../rows/row-context.js";
import {
  beginSuppressTokensProcessor,
  forcedBosTokenProcessor,
  forcedEosTokenProcessor,
  minLengthProcessor,
  minNewTokensProcessor,
  noRepeatNgramProcessor,
  suppressTokensProcessor,
} from "./bans.js";
import type { LogitsProcessor } from "./logits-processor.js";
import {
  exponentialDecayLengthPenaltyProcessor,
  noBadWordsProcessor,
  repetitionPenaltyProcessor,
  sequenceBiasProcessor,
  temperatureProcessor,
} from "./penalties.js";
import {
  epsilonProcessor,
  etaProcessor,
  minPProcessor,
  topHProcessor,
  topKProcessor,
  topPProcessor,
  typicalProcessor,
} from "./truncation.js";

const FIRST_ROW: RowContext = { row: 0, ids: [], promptLength: 0 };

/**
 * Lists the processors of one row in the order in which they apply: the rules, then those of `logitsProcessors`, then those that
 * only sampling has. transformers puts a `logits_processor` of the caller in the same place.
 * @param row the row that processors of `logitsProcessors` are built for
 * @throws {GenerationError} for options that were not resolved, and naming an own processor that cannot be built
 */
export function processorsOf(options: ResolvedOptions, row: RowContext = FIRST_ROW): LogitsProcessor[] {
  if (!((options as Partial<ResolvedOptions> | null)?.eosTokenIds instanceof Set))
    throw new GenerationError({
      where: "processorsOf",
      expected: "the options that resolveOptions returns",
      got: kindOf(options),
    });
  const own = options.logitsProcessors.map((part) => ownProcessor(part, row));
  return [...rules(options), ...own, ...(options.doSample ? warpers(options) : [])];
}

/** Processors that change the greedy choice too. */
function* rules(options: ResolvedOptions): Generator<LogitsProcessor> {
  const { eosTokenIds, forcedBosTokenId, forcedEosTokenId } = options;
  if (options.sequenceBias.length > 0) yield sequenceBiasProcessor(options.sequenceBias);
  if (options.repetitionPenalty !== 1) yield repetitionPenaltyProcessor(options.repetitionPenalty);
  if (options.noRepeatNgramSize > 0) yield noRepeatNgramProcessor(options.noRepeatNgramSize);
  if (options.badWordsIds.length > 0) yield noBadWordsProcessor(options.badWordsIds, eosTokenIds);
  if (options.minLength > 0) yield minLengthProcessor(options.minLength, eosTokenIds);
  if (options.minNewTokens > 0) yield minNewTokensProcessor(options.minNewTokens, eosTokenIds);
  if (forcedBosTokenId !== null) yield forcedBosTokenProcessor(forcedBosTokenId);
  if (forcedEosTokenId !== null) yield forcedEosTokenProcessor([forcedEosTokenId].flat(), options);
  if (options.exponentialDecayLengthPenalty !== null)
    yield exponentialDecayLengthPenaltyProcessor(options.exponentialDecayLengthPenalty, eosTokenIds);
  if (options.suppressTokens.length > 0) yield suppressTokensProcessor(options.suppressTokens);
  if (options.beginSuppressTokens.length > 0)
    yield beginSuppressTokensProcessor(options.beginSuppressTokens, forcedBosTokenId !== null);
}

/** Processors that only apply when tokens are sampled. */
function* warpers(options: ResolvedOptions): Generator<LogitsProcessor> {
  const { temperature, topH, topK, topP, minP, typicalP, epsilonCutoff, etaCutoff } = options;
  if (temperature !== 1) yield temperatureProcessor(temperature);
  if (topH !== null) yield topHProcessor(topH);
  if (topK > 0) yield topKProcessor(topK);
  if (topP < 1) yield topPProcessor(topP);
  if (minP > 0) yield minPProcessor(minP);
  if (typicalP < 1) yield typicalProcessor(typicalP);
  if (epsilonCutoff > 0) yield epsilonProcessor(epsilonCutoff);
  if (etaCutoff > 0) yield etaProcessor(etaCutoff);
}
