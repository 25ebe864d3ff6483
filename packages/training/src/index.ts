export {
  AdamW,
  type AdamWOptions,
  type AdamWSettings,
  type AdamWState,
  type OptimizerStep,
  type ParamGroup,
} from "./adam-w.js";
export { type AdapterData, adapterBatches } from "./adapter-batches.js";
export { type AdaptersBatch, AdaptersTask, type AdaptersTaskOptions } from "./adapters-task.js";
export { countLabels, countTokens, type Example, type TrainingBatch, type TrainingData } from "./batch.js";
export type {
  EvaluateEvent,
  SaveEvent,
  TrainBegin,
  TrainCallbacks,
  TrainControl,
  TrainEnd,
} from "./callbacks.js";
export { CausalLMTask, type CausalLMTaskOptions } from "./causal-lm-task.js";
export { aboutUnwritten, oddRoles } from "./data/about-chats.js";
export type { ChatOptions, DataTokenizer } from "./data/data-tokenizer.js";
export {
  assistantMask,
  type CompletionMask,
  completionMask,
  maskLabels,
  type TextSpan,
  type TokenOffsets,
} from "./data/label-masks.js";
export { learntParts, type TextPart } from "./data/learnt-parts.js";
export {
  type PreparedExample,
  type PrepareOptions,
  type PrepareWarning,
  prepareExample,
} from "./data/prepare-example.js";
export { type Chat, readChat } from "./data/read-chat.js";
export { type Dataset, type ReadDatasetOptions, readDataset } from "./data/read-dataset.js";
export type { ByteSource } from "./data/read-lines.js";
export { type Truncation, truncate } from "./data/truncate.js";
export { type DataLoaderOptions, dataLoader, type ExamplesData } from "./data-loader.js";
export { DataError, TrainingError } from "./errors.js";
export { type EvaluateOptions, type Evaluation, evaluate } from "./evaluate.js";
export { Gradients, lossAndGradients } from "./gradients.js";
export {
  type HeadBatchesOptions,
  type QuestionExample,
  questionBatches,
  type SequenceExample,
  sequenceBatches,
  type TokenExample,
  tokenBatches,
} from "./heads/head-batches.js";
export {
  type EpochData,
  type HeadEvaluateOptions,
  type HeadEvaluation,
  HeadTask,
  type HeadTaskOptions,
  type TokensBatch,
} from "./heads/head-task.js";
export { QuestionAnsweringTask, type QuestionBatch } from "./heads/question-answering-task.js";
export type { LabelledDataset, ReadLabelledOptions } from "./heads/read-labelled.js";
export { readQuestionDataset } from "./heads/read-questions.js";
export { readSequenceDataset, type SequenceDataset } from "./heads/read-sequences.js";
export { readTokenDataset } from "./heads/read-tokens.js";
export { ClassScores, FlagScores, type Scores } from "./heads/scores.js";
export { type SequenceBatch, SequenceClassificationTask } from "./heads/sequence-classification-task.js";
export { TokenClassificationTask, type TokenLabelsBatch } from "./heads/token-classification-task.js";
export { bestStep, type HeldOutOptions } from "./held-out.js";
export { parseMetrics, type StepEvaluation, type TrainingStep, toMetricsLine } from "./metrics.js";
export { freeze, type NamedParam, trainableParams, unfreeze } from "./params.js";
export { toReport } from "./report.js";
export {
  constantSchedule,
  cosineSchedule,
  type Decay,
  linearSchedule,
  type Schedule,
  type WarmUp,
} from "./schedules.js";
export { type CheckpointOptions, type TrainingSteps, type TrainOptions, train } from "./train.js";
export type { ExpertLoad, LossScale, TaskLoss, TrainingTask } from "./training-task.js";
