import type { Cache, CapturedRouting, RoutingObserver } from "@mixtape/layers";
import type { Scalar, Tensor2D, Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import type { BatchInput } from "./batch.js";

/** Tokens as ids or as embeddings, not both. */
export type TokenInputs =
  | { readonly inputIds: BatchInput; readonly inputsEmbeds?: never }
  | { readonly inputIds?: never /** `[B, L, M]` */; readonly inputsEmbeds: Tensor3D };

/** Inputs of a model's `forward`. B batch, L new tokens, P tokens in the cache. */
export type ModelInputs = TokenInputs & {
  /**
   * `[B, P + L]`, 1 for a token and 0 for padding. Default: the cache's padding, and no padding among the new tokens.
   */
  readonly attentionMask?: BatchInput;
  /**
   * `[B, L]` or `[1, L]`. Default: continues the cache's positions, or counts from 0 without a cache, padding included:
   * pass them for a left-padded batch.
   */
  readonly positionIds?: BatchInput;
  /**
   * `[B, L]`: positions of a row attend only to positions with the same id, so that a row may hold several texts. Pass
   * `positionIds` that restart with each text. Not with a cache.
   */
  readonly documentIds?: BatchInput;
  /** Past tokens; the new ones are appended. */
  readonly cache?: Cache;
  /**
   * Promises that the model and its weights do not change while the cache is in use. The engine may then capture steps of
   * one token and replay them without JavaScript (see `GraphedFunction` of `@mixtape/ops`). Default: false.
   */
  readonly captureGraph?: boolean;
  readonly outputHiddenStates?: boolean;
  readonly outputAttentions?: boolean;
  /** Default: the config's `outputRouterLogits`. */
  readonly outputRouterLogits?: boolean;
  /** Default: false. */
  readonly outputRoutings?: boolean;
  /**
   * Observes and constrains the selection of experts, such as a `RoutingRecorder` or `banExperts` of `@mixtape/layers`.
   * Layers that run again in the backward pass route as in the forward pass.
   */
  readonly routing?: RoutingObserver | undefined;
  /**
   * Keeps only the input of each layer for the backward pass, and runs the layers again there: less memory, more time.
   * Not with a cache. Default: false.
   */
  readonly gradientCheckpointing?: boolean;
};

/** Outputs of a model's `forward`. The caller disposes the tensors; inside `tf.tidy` they are disposed with it. */
export type ModelOutput = {
  /** `[B, L, M]`, after the final norm */
  readonly lastHiddenState: Tensor3D;
  /** One more than layers, `[B, L, M]` each: the input of each layer, and finally the output of the final norm. */
  readonly hiddenStates?: Tensor3D[];
  /** One per layer, `[B, H, L, S]` each */
  readonly attentions?: Tensor4D[];
  /** One per MoE layer, `[B·L, E]` each */
  readonly routerLogits?: Tensor2D[];
  /** One per MoE layer: the experts of each token, with the router and the layer. Free with `tf.dispose`. */
  readonly routings?: CapturedRouting[];
};

/** Outputs of every head besides its own. */
export type HiddenOutput = Omit<ModelOutput, "lastHiddenState">;

/** Inputs of a causal language model's `forward`. */
export type CausalLMInputs = ModelInputs & {
  /** `[B, L]` token ids, −100 is ignored; the model shifts them. With labels the output has a loss. */
  readonly labels?: BatchInput;
  /** Divisor of the summed loss. Default: the number of labels that are not ignored. */
  readonly numItemsInBatch?: number;
  /** Number of last positions, 0 for all, or a list of positions, for which to compute logits. Default: 0. */
  readonly logitsToKeep?: number | readonly number[];
};

/** Outputs of a causal language model's `forward`. */
export type CausalLMOutput = HiddenOutput & {
  /** `[B, kept, V]` */
  readonly logits: Tensor3D;
  /**
   * Cross-entropy of the next token in nats, plus the auxiliary loss times its coefficient. Present only when labels
   * are given.
   */
  readonly loss?: Scalar;
  /** Load-balancing loss of families that have one. Present only with router logits. */
  readonly auxLoss?: Scalar;
};
