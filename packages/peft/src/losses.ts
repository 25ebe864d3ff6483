import { type CausalLMInputs, causalLoss, type ForCausalLM, readBatch } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import {
  type CapturedRouting,
  expertCounts as countsOf,
  loadBalancingLoss,
  routerOf,
  sliceRouting,
} from "@mixtape/layers";
import { captureIntermediates, type Intermediate } from "@mixtape/ops";
import { addN, dispose, mul, type Scalar, split, type Tensor2D, type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import type { RoutingSource } from "./adapter/adapter.js";
import { type ExpertCounts, type MixtureRouting, mixtureLoss, mixtureRoutings } from "./adapter/mixture-losses.js";
import { adaptersOf } from "./apply.js";
import { AdapterError } from "./errors.js";

/** Rows of one adapter in a batch. All rows of a batch are padded to one length. */
export interface AdapterBatch {
  /** Name of the adapter. */
  readonly adapter: string;
  readonly inputIds: readonly (readonly number[])[];
  /** Token ids, −100 for positions without loss; the model shifts them. */
  readonly labels: readonly (readonly number[])[];
  /** 1 for a token and 0 for padding. Default: all tokens. */
  readonly attentionMask?: readonly (readonly number[])[];
  /** Divisor of the summed cross-entropy. Default: the number of labels. */
  readonly numItems?: number;
}

/** Loss of one adapter, and its terms. */
export type AdapterLoss = {
  readonly adapter: string;
  /** Sum of the terms */
  readonly loss: Scalar;
  /** Cross-entropy of the next token, in nats */
  readonly lmLoss: Scalar;
  /** Loss of the adapter's own routers, if the config has one */
  readonly routerLoss?: Scalar;
  /**
   * `[E]` by router name: number of the adapter's tokens for each expert. The model's routers have their names in the model,
   * those of a mixture are named by the adapter and the module. Present only with `outputExpertCounts`.
   */
  readonly expertCounts?: ExpertCounts;
};

/** Options of {@link adapterLosses}. */
export type AdapterLossOptions = Pick<CausalLMInputs, "gradientCheckpointing"> & {
  /** True if the load balancing loss of the model's own routers is part of each adapter's loss. Default false. */
  readonly baseRouterLoss?: boolean;
  /** True if the experts' tokens are counted, for the model's routers and for those of mixtures. Default false. */
  readonly outputExpertCounts?: boolean;
};

/**
 * Computes the losses of several adapters in one forward pass, which runs the model's own products once for the whole batch.
 * Differentiate the sum: the gradient with respect to an adapter's parameters depends on its own loss alone. Each loss is that of
 * the adapter's rows alone.
 *
 * Activates these adapters for these rows; they must stay active for the backward pass.
 * @returns the sum, and each adapter's loss; the caller disposes the tensors
 * @throws {OptionError} for an unknown option
 * @throws {AdapterError} if there are no rows, rows differ in length or an adapter occurs twice
 * @throws {DecoderError} if an adapter has no labels
 */
export function adapterLosses(
  model: ForCausalLM,
  batches: readonly AdapterBatch[],
  options: AdapterLossOptions = {},
): { loss: Scalar; losses: AdapterLoss[] } {
  checkOptions("adapterLosses", options, {
    baseRouterLoss: true,
    outputExpertCounts: true,
    gradientCheckpointing: true,
  });
  const { baseRouterLoss = false, outputExpertCounts = false, ...inputs } = options;
  checkBatches(batches);
  adaptersOf(model).setAdapter(batches.flatMap(({ adapter, inputIds }) => inputIds.map(() => adapter)));
  const inputIds = batches.flatMap((batch) => batch.inputIds.map((row) => [...row]));
  const masks = batches.flatMap((batch) => maskOf(batch));
  const { result: outputs, intermediates: sides } = captureIntermediates(() =>
    tidy(() =>
      model.forward({
        inputIds,
        ...(batches.some(({ attentionMask }) => attentionMask) && { attentionMask: masks }),
        outputRouterLogits: false,
        outputRoutings: baseRouterLoss || outputExpertCounts,
        ...inputs,
      }),
    ),
  );
  try {
    return tidy(() => {
      let start = 0;
      const sizes = batches.map(({ inputIds }) => inputIds.length);
      const logits = batches.length === 1 ? [outputs.logits] : split<Tensor3D>(outputs.logits, sizes);
      const losses = batches.map((batch, i) => {
        const end = start + batch.inputIds.length;
        const lmLoss = causalLoss(
          logits[i]!,
          readBatch(
            batch.labels.map((row) => [...row]),
            "labels",
          ),
          batch.numItems,
        );
        const routings = (outputs.routings ?? []).map((routing) => sliceRouting(routing, start, end));
        const balance = baseRouterLoss ? balanceOf(model, routings) : null;
        const { config } = adaptersOf(model).get(batch.adapter);
        const mixed =
          config.method === "lora" ? [] : mixtureRoutings(config, seenOf(batch, sides), maskOf(batch).flat());
        const own = config.method === "lora" ? null : mixtureLoss(config, mixed);
        const expertCounts = outputExpertCounts && {
          ...countsOf(model, routings),
          ...mixtureCounts(batch.adapter, mixed),
        };
        start = end;
        const terms = [lmLoss, ...(balance ? [balance] : []), ...(own ? [own] : [])];
        return {
          adapter: batch.adapter,
          loss: addN(terms),
          lmLoss,
          ...(own && { routerLoss: own }),
          ...(expertCounts && { expertCounts }),
        };
      });
      return { loss: addN(losses.map(({ loss }) => loss)), losses };
    });
  } finally {
    for (const { tensor } of sides) tensor.dispose();
    dispose(outputs);
  }
}

/** Counts the tokens of the experts of an adapter's own routers, by adapter and module. */
function mixtureCounts(adapter: string, routings: readonly MixtureRouting[]): ExpertCounts {
  return Object.fromEntries(
    routings.map(({ module, routing }) => [`${adapter}: ${module}`, routerOf(routing).expertCounts(routing)]),
  );
}

/** Returns the logits of the adapter's routers. */
function seenOf({ adapter }: AdapterBatch, sides: readonly Intermediate[]): (RoutingSource & { logits: Tensor2D })[] {
  return sides
    .map(({ from, tensor }) => ({ ...(from as RoutingSource), logits: tensor as Tensor2D }))
    .filter((routing) => routing.adapter.name === adapter);
}

/** Returns the loss of the model's own routers. @param routings of an adapter's rows */
function balanceOf({ auxLossCoef }: ForCausalLM, routings: readonly CapturedRouting[]): Scalar | null {
  if (auxLossCoef === undefined || routings.length === 0) return null;
  return mul(loadBalancingLoss(routings), auxLossCoef) as Scalar;
}

function maskOf({ attentionMask, inputIds }: AdapterBatch): number[][] {
  return attentionMask?.map((row) => [...row]) ?? inputIds.map((row) => row.map(() => 1));
}

function checkBatches(batches: readonly AdapterBatch[]): void {
  const fault = (where: string, expected: string, got: string): AdapterError =>
    new AdapterError({ where, expected, got });
  if (batches.length === 0) throw fault("adapterLosses", "at least one adapter", "none");
  const length = batches[0]!.inputIds[0]?.length ?? 0;
  const seen = new Set<string>();
  for (const { adapter, inputIds, labels, attentionMask } of batches) {
    if (seen.has(adapter)) throw fault(adapter, "each adapter once, with all of its rows", "it twice");
    seen.add(adapter);
    if (inputIds.length === 0) throw fault(adapter, "at least one row", "none");
    for (const rows of [inputIds, labels, ...(attentionMask ? [attentionMask] : [])]) {
      const odd = rows.find((row) => row.length !== length);
      if (rows.length !== inputIds.length || odd || length === 0)
        throw fault(
          adapter,
          `${inputIds.length} rows of ${length} tokens`,
          `${rows.length} rows${odd ? `, one of ${odd.length}` : ""}`,
        );
    }
  }
}
