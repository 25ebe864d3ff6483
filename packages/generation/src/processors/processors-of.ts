/** The processors that options ask for. Names, formulas and order are those of transformers' `generation/logits_process`. */
import { GenerationError } from "../generation-error.js";
import type { ResolvedOptions } from "../options.js";
import { kindOf } from "../prompts.js";
import {
  forcedTokensProcessor,
  minLengthProcessor,
  noRepeatNgramProcessor,
  suppressTokensAtProcessor,
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

/**
 * Lists the processors that options ask for, in the order in which they apply.
 * @param promptLength tokens of the row's prompt, from which new tokens are counted
 * @throws {GenerationError} for options that were not resolved
 */
export function processorsOf(options: ResolvedOptions, promptLength = 0): LogitsProcessor[] {
  if (!((options as Partial<ResolvedOptions> | null)?.eosTokenIds instanceof Set))
    throw new GenerationError({ where: "processorsOf", expected: "what resolveOptions returns", got: kindOf(options) });
  const list = [...rules(options, promptLength)];
  if (options.doSample) list.push(...sampling(options));
  return list;
}

/** Those that also move the greedy choice. */
function* rules(options: ResolvedOptions, promptLength: number): Generator<LogitsProcessor> {
  const { eosTokenIds, suppressTokens, beginSuppressTokens, forcedBosTokenId, forcedEosTokenId } = options;
  const maxLength = Math.min(promptLength + options.maxNewTokens, options.maxLength);
  if (options.sequenceBias.length > 0) yield sequenceBiasProcessor(options.sequenceBias);
  if (options.repetitionPenalty !== 1) yield repetitionPenaltyProcessor(options.repetitionPenalty);
  if (options.noRepeatNgramSize > 0) yield noRepeatNgramProcessor(options.noRepeatNgramSize);
  if (options.badWordsIds.length > 0) yield noBadWordsProcessor(options.badWordsIds, eosTokenIds);
  const least = Math.max(options.minLength, options.minNewTokens > 0 ? promptLength + options.minNewTokens : 0);
  if (least > 0) yield minLengthProcessor(least, eosTokenIds);
  if (forcedBosTokenId !== null) yield forcedTokensProcessor([forcedBosTokenId], 1);
  if (forcedEosTokenId !== null) yield forcedTokensProcessor([forcedEosTokenId].flat(), maxLength - 1);
  if (options.exponentialDecayLengthPenalty !== null) {
    const penalty = options.exponentialDecayLengthPenalty;
    yield exponentialDecayLengthPenaltyProcessor(penalty, eosTokenIds, promptLength);
  }
  if (suppressTokens.length > 0) yield suppressTokensProcessor(suppressTokens);
  if (beginSuppressTokens.length > 0) {
    // Behind a first token that is forced, the second is the first that could be another.
    const begin = promptLength > 1 || forcedBosTokenId === null ? promptLength : promptLength + 1;
    yield suppressTokensAtProcessor(beginSuppressTokens, begin);
  }
}

/** Those that only count when tokens are drawn. */
function* sampling(options: ResolvedOptions): Generator<LogitsProcessor> {
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
