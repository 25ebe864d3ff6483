/** Adapters of a model as what is trained: several of any kinds, by one forward pass. */

import type { CausalLM } from "@mixtape/mixtape";
import { type Adapter, type AdapterBatch, type AdapterLoss, adapterLosses } from "@mixtape/peft";
import {
  countLabels,
  countTokens,
  type ExamplesData,
  type NamedParam,
  type Share,
  type Trainee,
  type TraineeLoss,
  type TrainingBatch,
  type TrainingData,
} from "@mixtape/training";
import { add, addN, mul, type Scalar, type Tensor1D } from "@tensorflow/tfjs-core";

/** A batch of each adapter; all rows have one length. */
export type AdaptersBatch = readonly Required<AdapterBatch>[];

/** Each adapter learns its own texts; no loss has a gradient by another adapter's parameters. */
export class AdaptersTrainee implements Trainee<AdaptersBatch> {
  readonly params: readonly NamedParam[];
  readonly #model: CausalLM;
  readonly #gradientCheckpointing: boolean;

  constructor(model: CausalLM, adapters: readonly Adapter[], gradientCheckpointing: boolean) {
    this.params = adapters.flatMap((adapter) => adapter.trainableParams());
    this.#model = model;
    this.#gradientCheckpointing = gradientCheckpointing;
  }

  labels(batch: AdaptersBatch): number {
    return batch.reduce((sum, part) => sum + countLabels(part), 0);
  }

  tokens(batch: AdaptersBatch): number {
    return batch.reduce((sum, part) => sum + countTokens(part), 0);
  }

  loss(batch: AdaptersBatch, { batches }: Share): TraineeLoss {
    const options = { gradientCheckpointing: this.#gradientCheckpointing, outputExpertCounts: true };
    const { losses } = adapterLosses(this.#model, batch, options);
    const shares = losses.map(({ adapter, lmLoss, routerLoss }) => ({
      adapter,
      lmLoss,
      // Labels are divided by those of the whole step; a router's loss is a mean already.
      routerLoss: routerLoss && (mul(routerLoss, 1 / batches) as Scalar),
    }));
    const metrics: Record<string, Scalar> = {};
    const totals = shares.map(({ adapter, lmLoss, routerLoss }) => {
      if (shares.length > 1) metrics[`${adapter}: lmLoss`] = lmLoss;
      if (routerLoss) metrics[`${adapter}: routerLoss`] = routerLoss;
      return routerLoss ? (add(lmLoss, routerLoss) as Scalar) : lmLoss;
    });
    return { loss: addN(totals), metrics, expertCounts: inAll(losses) };
  }
}

/** The counts of all adapters: those of the model's own routers are added up. */
function inAll(losses: readonly AdapterLoss[]): Record<string, Tensor1D> {
  const sums: Record<string, Tensor1D> = {};
  for (const { expertCounts = {} } of losses)
    for (const [router, counts] of Object.entries(expertCounts))
      sums[router] = sums[router] ? add(sums[router], counts) : counts;
  return sums;
}

/** The texts of an adapter. */
export interface AdapterTexts {
  readonly adapter: string;
  readonly data: ExamplesData;
}

/**
 * A batch of each adapter beside each other, padded to one length.
 * @param accumulate how many batches make up a step: an adapter's losses are divided by its labels in all of them
 */
export function besideEachOther(texts: readonly AdapterTexts[], accumulate: number): TrainingData<AdaptersBatch> {
  return {
    batch(index) {
      const parts = texts.map(({ adapter, data }) => {
        const first = index - (index % accumulate);
        const inStep = Array.from({ length: accumulate }, (_, i) => countLabels(data.batch(first + i)));
        return { adapter, batch: data.batch(index), numItems: inStep.reduce((sum, count) => sum + count) };
      });
      const length = Math.max(...parts.map(({ batch }) => batch.inputIds[0]!.length));
      return parts.map(({ adapter, batch, numItems }) => ({ adapter, numItems, ...padded(batch, length) }));
    },
  };
}

function padded(
  { inputIds, labels, attentionMask = inputIds.map((row) => row.map(() => 1)) }: TrainingBatch,
  length: number,
): Pick<Required<AdapterBatch>, "inputIds" | "labels" | "attentionMask"> {
  const fill = (rows: readonly (readonly number[])[], value: number): number[][] =>
    rows.map((row) => [...row, ...Array<number>(length - row.length).fill(value)]);
  return { inputIds: fill(inputIds, 0), labels: fill(labels, -100), attentionMask: fill(attentionMask, 0) };
}
