export {
  AdamW,
  type AdamWOptions,
  type AdamWSettings,
  type AdamWState,
  type OptimizerStep,
  type ParamGroup,
} from "./adam-w.js";
export { countLabels, countTokens, type Example, type TrainingBatch, type TrainingData } from "./batch.js";
export { CausalTrainee, type CausalTraineeOptions } from "./causal-trainee.js";
export { TrainingError } from "./errors.js";
export { Gradients, lossAndGradients } from "./gradients.js";
export { freeze, type NamedParam, trainableParams, unfreeze } from "./params.js";
export {
  constantSchedule,
  cosineSchedule,
  type Decay,
  linearSchedule,
  type Schedule,
  type WarmUp,
} from "./schedules.js";
export { type TrainingStep, type TrainOptions, train } from "./train.js";
export type { ExpertLoad, Share, Trainee, TraineeLoss } from "./trainee.js";
