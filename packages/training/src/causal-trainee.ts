import { type CausalLM, causalLoss, readBatch } from "@mixtape/decoder";
import { countLabels, countTokens, type TrainingBatch } from "./batch.js";
import { type NamedParam, trainableParams } from "./params.js";
import type { Share, Trainee, TraineeLoss } from "./trainee.js";

/** How a causal language model is trained. */
export interface CausalTraineeOptions {
  /** What trains, where it is not what trains of the model itself: the parameters of adapters on it. */
  readonly params?: Iterable<NamedParam>;
}

/** A causal language model that learns to predict the next token. */
export class CausalTrainee implements Trainee<TrainingBatch> {
  readonly model: CausalLM;
  readonly params: readonly NamedParam[];

  /** @param options.params what trains; the unfrozen parameters of the model where absent */
  constructor(model: CausalLM, { params = trainableParams(model) }: CausalTraineeOptions = {}) {
    this.model = model;
    this.params = [...params];
  }

  labels(batch: TrainingBatch): number {
    return countLabels(batch);
  }

  tokens(batch: TrainingBatch): number {
    return countTokens(batch);
  }

  loss({ inputIds, labels, attentionMask, positionIds }: TrainingBatch, { numItems }: Share): TraineeLoss {
    const { logits } = this.model.forward({
      inputIds,
      ...(attentionMask && { attentionMask }),
      ...(positionIds && { positionIds }),
      outputRouterLogits: false,
    });
    const loss = causalLoss(logits, readBatch(labels, "labels"), numItems);
    return { loss, metrics: { lmLoss: loss } };
  }
}
