import type { DecoderConfig } from "@mixtape/config";
import { type CapturedRouting, type ForwardHook, Linear, loadBalancingLoss } from "@mixtape/layers";
import { linear } from "@mixtape/ops";
import type { TensorSource } from "@mixtape/safetensors";
import { add, gather, mul, type Scalar, slice, type Tensor3D, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { readBatch } from "../batch.js";
import { DecoderError } from "../errors.js";
import type { Family } from "../family.js";
import type { CausalLMInputs, CausalLMOutput } from "../forward.js";
import { causalLoss } from "../losses.js";
import { PreTrainedModel, type SettleContext } from "../pre-trained-model.js";
import { settleHead, TIED_NAMES } from "../tied-head.js";
import type { WeightMapping } from "../weights/weight-mapping.js";

/** A decoder with a language modelling head. A family's class derives from it and sets `static family`. */
export abstract class ForCausalLM<C extends DecoderConfig = DecoderConfig> extends PreTrainedModel<C> {
  static readonly head: string = "ForCausalLM";
  /** `[V, M]`, or null if the head shares the embedding's weight. */
  readonly lmHead: Linear | null;
  /** Wraps the language modelling head, from hidden states to logits; null for no wrapper. */
  wrapHead: ForwardHook<Tensor3D, Tensor3D> | null = null;

  constructor(config: C) {
    super(config);
    this.lmHead = config.tieWordEmbeddings ? null : new Linear(config.hiddenSize, config.vocabSize);
  }

  /** Unties the head if the checkpoint has one that differs from the embedding, as transformers' `tie_weights` does. */
  static override settleConfig<C extends DecoderConfig>(
    this: { readonly family: Family<C> },
    config: C,
    tensors: TensorSource,
    context: SettleContext,
  ): Promise<C> {
    return settleHead(this.family.config, config, tensors, context);
  }

  /**
   * Returns the logits of the next token, and with labels the loss.
   * @throws {DecoderError} for inputs that do not fit the model or each other.
   */
  forward(inputs: CausalLMInputs): CausalLMOutput {
    if (typeof inputs !== "object" || inputs === null)
      throw new DecoderError({ where: "forward", expected: "an object with inputIds", got: `${inputs}` });
    return tidy(() => {
      const { outputRouterLogits = this.config.outputRouterLogits, outputRoutings = false } = inputs;
      const { lastHiddenState, routings, ...outputs } = this.model.forward({
        ...inputs,
        outputRoutings: outputRoutings || outputRouterLogits,
      });
      const logits = this.#head(keepPositions(lastHiddenState, inputs.logitsToKeep ?? 0));
      const auxLoss = outputRouterLogits ? this.#auxLoss(routings ?? []) : undefined;
      return {
        logits,
        ...outputs,
        ...(outputRoutings && { routings }),
        ...(auxLoss && { auxLoss }),
        ...(inputs.labels && { loss: this.#loss(logits, inputs, auxLoss) }),
      };
    });
  }

  /** A tied head may still be on disk, as a copy of the embedding. */
  override get weightMappings(): readonly WeightMapping[] {
    return [...(this.lmHead ? [] : TIED_NAMES), ...super.weightMappings];
  }

  /** Coefficient of the routers' load-balancing loss; undefined for families without one. */
  get auxLossCoef(): number | undefined {
    return (this.config as { readonly routerAuxLossCoef?: number }).routerAuxLossCoef;
  }

  #auxLoss(routings: readonly CapturedRouting[]): Scalar | undefined {
    return this.auxLossCoef !== undefined && routings.length > 0 ? loadBalancingLoss(routings) : undefined;
  }

  #head(hidden: Tensor3D): Tensor3D {
    const map = (x: Tensor3D): Tensor3D => linear(x, (this.lmHead ?? this.model.embedTokens).weight.weight);
    return this.wrapHead ? this.wrapHead(hidden, map) : map(hidden);
  }

  #loss(logits: Tensor3D, { labels, numItemsInBatch, logitsToKeep }: CausalLMInputs, auxLoss?: Scalar): Scalar {
    if (logitsToKeep)
      throw new DecoderError({
        where: "logitsToKeep",
        expected: "0 when labels are given",
        got: JSON.stringify(logitsToKeep),
        fix: "The loss needs the logits of all positions",
      });
    const loss = causalLoss(logits, readBatch(labels!, "labels"), numItemsInBatch);
    return auxLoss ? add(loss, mul(auxLoss, this.auxLossCoef ?? 0)) : loss;
  }
}

function keepPositions(hidden: Tensor3D, keep: number | readonly number[]): Tensor3D {
  const [, l] = hidden.shape;
  if (typeof keep !== "number") {
    const outside = keep.find((i) => !Number.isInteger(i) || i < 0 || i >= l);
    if (outside !== undefined || keep.length === 0)
      throw new DecoderError({ where: "logitsToKeep", expected: `positions from 0 to ${l - 1}`, got: `[${keep}]` });
    return gather(hidden, tensor1d([...keep], "int32"), 1) as Tensor3D;
  }
  if (!Number.isInteger(keep) || keep < 0)
    throw new DecoderError({ where: "logitsToKeep", expected: "a count of positions", got: `${keep}` });
  return keep === 0 || keep >= l ? hidden : slice(hidden, [0, l - keep, 0], [-1, keep, -1]);
}
