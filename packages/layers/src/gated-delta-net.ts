import type { DecoderConfig } from "@mixtape/config";
import { activate, gate, gatedDeltaRule, silu } from "@mixtape/ops";
import {
  add,
  concat,
  exp,
  mul,
  neg,
  reshape,
  sigmoid,
  softplus,
  split,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
} from "@tensorflow/tfjs-core";
import { activationOf } from "./activations.js";
import { StateCache } from "./caches/state-cache.js";
import { CausalConv } from "./causal-conv.js";
import { unpackDocuments } from "./documents.js";
import { LayersError } from "./errors.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import type { TokenMask } from "./moe/token-mask.js";
import { Param } from "./param.js";
import { RMSNorm } from "./rms-norm.js";
import type { MixerContext, TokenMixer } from "./token-mixer.js";

/** Part of a config that Gated DeltaNet uses. */
export interface GatedDeltaNetConfig extends Pick<DecoderConfig, "hiddenSize" | "hiddenAct" | "rmsNormEps"> {
  /** Hk */
  readonly linearNumKeyHeads: number;
  /** Hv, a multiple of Hk */
  readonly linearNumValueHeads: number;
  /** Dk */
  readonly linearKeyHeadDim: number;
  /** Dv */
  readonly linearValueHeadDim: number;
  /** K, kernel width of the convolution, the current token included */
  readonly linearConvKernelDim: number;
}

/** ε of the L2 normalisation of queries and keys, a constant of transformers and of FLA. */
const L2_NORM_EPS = 1e-6;

/**
 * Gated DeltaNet (Yang et al. 2024, https://arxiv.org/abs/2412.06464) as in Qwen3-Next: a linear recurrence instead of
 * attention, after a short convolution, with a gated norm before the output projection.
 *
 * Its cache has a fixed size: the last `K − 1` inputs of the convolution, and a state `[Hv, Dk, Dv]`. Padding is
 * zeroed, so that a left-padded row equals the row alone.
 *
 * Shapes: B batch, L tokens, M hidden, Hk key heads, Hv value heads, r = Hv / Hk, Dk and Dv their widths, C = 2·Hk·Dk +
 * Hv·Dv.
 */
export class GatedDeltaNet<C extends GatedDeltaNetConfig = GatedDeltaNetConfig> extends Module implements TokenMixer {
  protected readonly config: C;
  /** For each key head its query, its key, and the values and gates of its r value heads: `[Hk·(2·Dk + 2·r·Dv), M]`. */
  readonly inProjQkvz: Linear;
  /** For each key head the learning rates and the decays of its r value heads: `[Hk·2·r, M]`. */
  readonly inProjBa: Linear;
  readonly conv1d: CausalConv;
  /** `[Hv]` */
  readonly dtBias: Param;
  /** `[Hv]`: logarithms of the rates of decay. */
  readonly aLog: Param;
  /** `[Dv]`, shared by all value heads. */
  readonly norm: RMSNorm;
  readonly outProj: Linear;

  constructor(config: C) {
    super();
    const { hiddenSize, linearNumKeyHeads: keyHeads, linearNumValueHeads: heads } = config;
    const [keys, values] = [keyHeads * config.linearKeyHeadDim, heads * config.linearValueHeadDim];
    if (heads % keyHeads !== 0)
      throw new LayersError({
        where: "GatedDeltaNet",
        expected: "linearNumValueHeads as a multiple of linearNumKeyHeads",
        got: `${heads} and ${keyHeads}`,
      });
    this.config = config;
    this.inProjQkvz = new Linear(hiddenSize, 2 * keys + 2 * values);
    this.inProjBa = new Linear(hiddenSize, 2 * heads);
    this.conv1d = new CausalConv(2 * keys + values, config.linearConvKernelDim);
    this.dtBias = new Param([heads], "vector", "ones");
    this.aLog = new Param([heads], "vector", "zeros");
    this.norm = new RMSNorm(config.linearValueHeadDim, config.rmsNormEps);
    this.outProj = new Linear(values, hiddenSize);
  }

  createCache(): StateCache {
    const { config } = this;
    const { linearNumValueHeads: heads, linearKeyHeadDim: dk, linearValueHeadDim: dv } = config;
    const channels = 2 * config.linearNumKeyHeads * dk + heads * dv;
    return new StateCache({ conv: [config.linearConvKernelDim - 1, channels], state: [heads, dk, dv] });
  }

  /**
   * @param x `[B, L, M]` @returns `[B, L, M]`
   * @throws {LayersError} if a row holds several documents and there is a cache: a row has one state.
   */
  forward(x: Tensor3D, { masks: { documentIds }, tokenMask, cache }: MixerContext): Tensor3D {
    if (!documentIds) return this.#mix(x, tokenMask, cache as StateCache | undefined);
    if (cache)
      throw new LayersError({
        where: "GatedDeltaNet",
        expected: "rows of one document each with a cache",
        got: "rows of several documents",
        fix: "Put each document into a separate row",
      });
    const unpacked = unpackDocuments(x, documentIds, tokenMask);
    return unpacked.pack(this.#mix(unpacked.x, unpacked.tokenMask));
  }

  #mix(x: Tensor3D, tokenMask?: TokenMask | null, cache?: StateCache): Tensor3D {
    const { linearNumKeyHeads: keyHeads, linearNumValueHeads: heads, linearKeyHeadDim: dk } = this.config;
    const dv = this.config.linearValueHeadDim;
    const [b, l] = x.shape;
    const before = cache?.read(b);
    const isPadded = tokenMask && tokenMask.numTokens < tokenMask.values.length;
    const tokens = isPadded ? mul<Tensor3D>(x, reshape(tokenMask.toTensor(), [b, l, 1])) : x;

    const [q, k, v, z] = this.#parts(this.inProjQkvz.forward(tokens), [
      dk,
      dk,
      (heads / keyHeads) * dv,
      (heads / keyHeads) * dv,
    ]);
    const [rates, decays] = this.#parts(this.inProjBa.forward(tokens), [heads / keyHeads, heads / keyHeads]);
    const { y, past } = this.conv1d.forward(concat([q!, k!, v!], 2), before?.conv as Tensor3D | undefined);
    const mixed = activate(y, activationOf(this.config.hiddenAct));
    const [queries, keys, values] = split(mixed, [keyHeads * dk, keyHeads * dk, heads * dv], 2);
    const { output, state } = gatedDeltaRule(
      {
        q: reshape(queries!, [b, l, keyHeads, dk]),
        k: reshape(keys!, [b, l, keyHeads, dk]),
        v: reshape(values!, [b, l, heads, dv]),
        g: mul(neg(exp(this.aLog.vector)), softplus(add(decays!, this.dtBias.vector))),
        beta: sigmoid(rates!),
        state: before?.state as Tensor4D | undefined,
      },
      { l2NormEps: L2_NORM_EPS },
    );
    cache?.set({ conv: past, state }, l);
    const gated = gate(reshape(z!, [b, l, heads, dv]), this.norm.forward(output), silu);
    return this.outProj.forward(reshape(gated, [b, l, heads * dv]));
  }

  /** Returns parts of these widths of each key head, with heads merged: `[B, L, Hk·width]`. */
  #parts(x: Tensor3D, widths: number[]): Tensor3D[] {
    const [b, l] = x.shape;
    const heads = this.config.linearNumKeyHeads;
    const whole: Tensor = reshape(x, [b, l, heads, x.shape[2] / heads]);
    return split(whole, widths, 3).map((part, i) => reshape(part, [b, l, heads * widths[i]!]) as Tensor3D);
  }
}
