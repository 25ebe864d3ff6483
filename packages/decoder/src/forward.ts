import type { Cache, CapturedRouting, RoutingObserver } from "@mixtape/layers";
import type { Scalar, Tensor2D, Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import type { BatchInput } from "./batch.js";

/** Tokens go in as ids or as embeddings, never as both. */
export type TokenInputs =
  | { readonly inputIds: BatchInput; readonly inputsEmbeds?: never }
  | { readonly inputIds?: never /** `[B, L, M]` */; readonly inputsEmbeds: Tensor3D };

/** What `forward` of a model takes. B batch, L new tokens, P tokens in the cache. */
export type ModelInputs = TokenInputs & {
  /** `[B, P + L]`, 1 for a token and 0 for padding. Default: padding as in the cache, and all new positions are tokens. */
  readonly attentionMask?: BatchInput;
  /**
   * `[B, L]` or `[1, L]`. Default: those that follow in the cache, and from 0 without one, padding counted: pass them for a
   * left-padded batch.
   */
  readonly positionIds?: BatchInput;
  /**
   * `[B, L]`: attention stays among the positions of a row that have one number, so that a row may hold several texts. Pass
   * `positionIds` that begin anew with each. Not with a cache.
   */
  readonly documentIds?: BatchInput;
  /** Holds past tokens, and gets the new ones. */
  readonly cache?: Cache;
  /**
   * Says that the model stays as it is, weights and all, while the cache is in use. Steps of one token may then be repeated by
   * the engine without JavaScript (see `GraphedFunction` of `@mixtape/ops`). Default false.
   */
  readonly captureGraph?: boolean;
  readonly outputHiddenStates?: boolean;
  readonly outputAttentions?: boolean;
  /** As the config says where absent. */
  readonly outputRouterLogits?: boolean;
  /** Default false. */
  readonly outputRoutings?: boolean;
  /**
   * Watches and steers which experts tokens go to, such as a `RoutingRecorder` or `banExperts` of `@mixtape/layers`. Layers that run
   * again in the backward pass route as they did in the forward pass.
   */
  readonly routing?: RoutingObserver | undefined;
  /**
   * Keeps nothing for the way back but what goes into each layer, and runs the layers again there: less memory, more time.
   * Not with a cache. Default false.
   */
  readonly gradientCheckpointing?: boolean;
};

/** What `forward` of a model returns. The tensors are the caller's to dispose; inside `tf.tidy` it does. */
export type ModelOutput = {
  /** `[B, L, M]`, after the final norm */
  readonly lastHiddenState: Tensor3D;
  /** One more than layers, `[B, L, M]` each: what goes into each layer, and last what comes out of the final norm. */
  readonly hiddenStates?: Tensor3D[];
  /** One per layer, `[B, H, L, S]` each */
  readonly attentions?: Tensor4D[];
  /** One per MoE layer, `[B·L, E]` each */
  readonly routerLogits?: Tensor2D[];
  /** One per MoE layer: the experts of each token, with the router and the layer. `tf.dispose` frees them. */
  readonly routings?: CapturedRouting[];
};

/** What every head returns besides its own. */
export type HiddenOutput = Omit<ModelOutput, "lastHiddenState">;

/** What `forward` of a causal language model takes. */
export type CausalLMInputs = ModelInputs & {
  /** `[B, L]` token ids, −100 where no loss is taken; the model shifts them. With labels the output has a loss. */
  readonly labels?: BatchInput;
  /** By what the summed loss is divided; the number of labels that count where absent. */
  readonly numItemsInBatch?: number;
  /** The last n positions, 0 for all, or these positions: where logits are computed. Default 0. */
  readonly logitsToKeep?: number | readonly number[];
};

/** What `forward` of a causal language model returns. */
export type CausalLMOutput = HiddenOutput & {
  /** `[B, kept, V]` */
  readonly logits: Tensor3D;
  /** Cross-entropy of the next token in nats, plus the auxiliary loss times its coefficient; with labels alone. */
  readonly loss?: Scalar;
  /** The load balancing loss of families that have one, with router logits alone. */
  readonly auxLoss?: Scalar;
};
