import type { AdapterBatch } from "@mixtape/peft";
import type { AdaptersBatch } from "./adapters-task.js";
import { countLabels, type TrainingBatch, type TrainingData } from "./batch.js";
import { checkList, checkWhole } from "./checks.js";
import type { ExamplesData } from "./data-loader.js";

/** Batches of an adapter. */
export interface AdapterData {
  readonly adapter: string;
  readonly data: ExamplesData;
}

/**
 * Combines the batches of several adapters, padded to one length.
 * @throws {TrainingError} for invalid parts, and steps without batches
 * @param accumulate number of batches of a step: an adapter's losses are divided by its labels in all of them
 */
export function adapterBatches(parts: readonly AdapterData[], accumulate: number): TrainingData<AdaptersBatch> {
  const isPart = (item: unknown): boolean => {
    const { adapter, data } = (item ?? {}) as Partial<AdapterData>;
    return typeof adapter === "string" && typeof data?.batch === "function";
  };
  checkList("adapterBatches", "adapters with their batches, { adapter, data }", parts, isPart);
  checkWhole("adapterBatches: accumulate", accumulate, 1);
  return {
    batch(index) {
      const batches = parts.map(({ adapter, data }) => {
        const first = index - (index % accumulate);
        const inStep = Array.from({ length: accumulate }, (_, i) => countLabels(data.batch(first + i)));
        return { adapter, batch: data.batch(index), numItems: inStep.reduce((sum, count) => sum + count) };
      });
      const length = Math.max(...batches.map(({ batch }) => batch.inputIds[0]!.length));
      return batches.map(({ adapter, batch, numItems }) => ({ adapter, numItems, ...padded(batch, length) }));
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
