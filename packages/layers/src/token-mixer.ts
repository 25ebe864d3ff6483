import type { AttentionMask, DocumentIds, RotaryTables } from "@mixtape/ops";
import type { Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import type { LayerCache, LayerCacheOptions } from "./caches/layer-cache.js";
import type { Module } from "./module.js";
import type { TokenMask } from "./moe/token-mask.js";

/** The masks of one forward pass. They belong to it, and are gone with it. */
export interface Masks {
  /**
   * Returns the mask of a layer that attends to `keys` positions, the new ones included, and of them to `window` at most. Layers that
   * see the same share one.
   */
  of(keys: number, window: number | null): AttentionMask;
  /** L */
  readonly queries: number;
  /** Documents that the new positions belong to, `[B, L]`, which must not mix; null where a row is one. */
  readonly documentIds: DocumentIds | null;
}

/** What a token mixer is given besides its input. */
export interface MixerContext {
  readonly rope: RotaryTables;
  readonly masks: Masks;
  /** Tells the new tokens from padding, `[B, L]`, for mixers that do not attend; null or absent if there is no padding. */
  readonly tokenMask?: TokenMask | null;
  /** The cache of this layer, which its mixer made. */
  readonly cache?: LayerCache | undefined;
  /** Takes attention probabilities `[B, H, L, S]` where they are asked for; this rules out the fused kernel. */
  readonly onProbabilities?: ((probabilities: Tensor4D) => void) | undefined;
}

/** Mixes information between positions: attention of some kind, or a recurrence. It brings the cache that it needs. */
export interface TokenMixer extends Module {
  /** Returns an empty cache of this layer. */
  createCache(options?: LayerCacheOptions): LayerCache;
  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  forward(x: Tensor3D, context: MixerContext): Tensor3D;
}
