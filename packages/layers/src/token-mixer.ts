import type { AttentionMask, DocumentIds, RotaryTables } from "@mixtape/ops";
import type { Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import type { LayerCache, LayerCacheOptions } from "./caches/layer-cache.js";
import type { Module } from "./module.js";
import type { TokenMask } from "./moe/token-mask.js";

/** Masks of one forward pass, which owns and frees them. */
export interface Masks {
  /**
   * Returns the mask of a layer that attends to `keys` positions, the new ones included, within `window`. Layers with
   * the same arguments share one.
   */
  of(keys: number, window: number | null): AttentionMask;
  /** L */
  readonly queries: number;
  /** Document ids of the new positions, `[B, L]`, which must not mix; null if a row is one document. */
  readonly documentIds: DocumentIds | null;
}

/** Context of a token mixer besides its input. */
export interface MixerContext {
  readonly rope: RotaryTables;
  readonly masks: Masks;
  /**
   * Distinguishes the new tokens from padding, `[B, L]`, for mixers other than attention; null or absent if there is no
   * padding.
   */
  readonly tokenMask?: TokenMask | null;
  /** Cache of this layer, created by its mixer. */
  readonly cache?: LayerCache | undefined;
  /** Receives attention probabilities `[B, H, L, S]` if requested; rules out the fused kernel. */
  readonly onProbabilities?: ((probabilities: Tensor4D) => void) | undefined;
}

/** Mixes information between positions: attention of some kind, or a recurrence. It brings its own cache. */
export interface TokenMixer extends Module {
  /** Returns an empty cache of this layer. */
  createCache(options?: LayerCacheOptions): LayerCache;
  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  forward(x: Tensor3D, context: MixerContext): Tensor3D;
}
