import type { DecoderConfig } from "@mixtape/config";
import { Cache, Embedding, Module, type Norm, RotaryEmbedding, type RoutingObserver } from "@mixtape/layers";
import { GraphedFunction, type RotaryTables } from "@mixtape/ops";
import { reshape, type Tensor3D, tensor1d, tidy } from "@tensorflow/tfjs-core";
import type { Batch } from "./batch.js";
import { type CacheOptions, checkCacheOptions } from "./caches/cache-options.js";
import type { DecoderLayer, LayerClass } from "./decoder-layer.js";
import { DecoderError } from "./errors.js";
import type { ModelInputs, ModelOutput } from "./forward.js";
import { LayerMasks, type MaskInputs, tokenMaskOf } from "./layer-masks.js";
import { readInputs } from "./read-inputs.js";
import { type LayerOutput, NO_OUTPUTS, type OutputFlags, runLayer, runLayerCheckpointed } from "./run-layer.js";

/** Embeddings, a stack of layers of one class, a final norm. */
export class DecoderModel<C extends DecoderConfig = DecoderConfig> extends Module {
  readonly config: C;
  readonly embedTokens: Embedding;
  readonly layers: readonly DecoderLayer[];
  readonly norm: Norm;
  readonly #rotary: RotaryEmbedding;
  readonly #steps = new WeakMap<object, GraphedFunction>();
  readonly #checkedCaches = new WeakSet<Cache>();

  /** @param Layer class of the layers for this config */
  constructor(config: C, Layer: LayerClass<never>) {
    super();
    this.config = config;
    const { vocabSize, hiddenSize, numHiddenLayers, tieWordEmbeddings: tied } = config;
    this.embedTokens = new Embedding(vocabSize, hiddenSize, { tied, paddingIdx: config.padTokenId });
    this.layers = Array.from({ length: numHiddenLayers }, (_, layer) => new (Layer as LayerClass<C>)(config, layer));
    this.norm = this.layers[0]!.buildNorm(config);
    this.#rotary = new RotaryEmbedding(config);
  }

  /**
   * Runs the model.
   * @throws {DecoderError} for ids outside the vocabulary, and for masks, positions or caches that do not fit the tokens.
   */
  forward(inputs: ModelInputs): ModelOutput {
    const { cache } = inputs;
    if (cache) this.#checkCache(cache);
    try {
      return tidy(() => this.#run(inputs));
    } catch (error) {
      // Some layers have cached the new tokens and some have not.
      cache?.rollback();
      throw error;
    }
  }

  /**
   * Creates an empty cache for this model; an engine may store it in the dtype of the checkpoint's embeddings. Dispose
   * it.
   * @throws {OptionError} for an unknown option or value
   */
  createCache(options: CacheOptions = {}): Cache {
    checkCacheOptions("createCache", options);
    const { dtype } = this.embedTokens.weight;
    return new Cache(this.layers.map(({ selfAttn }) => selfAttn.createCache({ dtype, ...options })));
  }

  /** Scales the embeddings before the first layer. No-op by default. @param embeds `[B, L, M]` @returns `[B, L, M]` */
  protected scaleEmbeddings(embeds: Tensor3D): Tensor3D {
    return embeds;
  }

  #run(inputs: ModelInputs): ModelOutput {
    const { cache, captureGraph = false, gradientCheckpointing = false, routing } = inputs;
    const wanted: OutputFlags = {
      hiddenStates: inputs.outputHiddenStates ?? false,
      attentions: inputs.outputAttentions ?? false,
      routerLogits: inputs.outputRouterLogits ?? this.config.outputRouterLogits,
      routings: inputs.outputRoutings ?? false,
    };
    if (gradientCheckpointing && (cache || wanted.attentions))
      throw new DecoderError({
        where: "gradientCheckpointing",
        expected: "no cache and no outputAttentions beside it",
        got: cache ? "a cache" : "outputAttentions",
      });
    const { ids, rows, length, positions, padding, documentIds, ...read } = readInputs(inputs, this.config);
    const x = this.scaleEmbeddings(read.embeds ?? this.#embed(ids!));
    const rope = this.#rotary.tables(positions);
    cache?.evict();
    const isStep =
      captureGraph && cache && length === 1 && !padding && !routing && !Object.values(wanted).includes(true);
    const output = isStep
      ? { lastHiddenState: this.#stepOf(cache).run([x, rope.cos, rope.sin]) as Tensor3D }
      : this.#runLayers(x, { rope, cache, padding, documentIds, gradientCheckpointing, routing }, wanted);
    cache?.addTokens({ rows, length, ids: ids?.values ?? null, positions: positions.values, padding });
    return output;
  }

  /** Returns the graph of a one-token step with that cache, which is valid as long as the cache only grows. */
  #stepOf(cache: Cache): GraphedFunction {
    const known = this.#steps.get(cache.generation);
    if (known) return known;
    const step = new GraphedFunction(([x, cos, sin]) => {
      const rope = { cos, sin } as RotaryTables;
      const stackInputs = {
        rope,
        cache,
        padding: null,
        documentIds: null,
        gradientCheckpointing: false,
        routing: undefined,
      };
      return this.#runLayers(x as Tensor3D, stackInputs, NO_OUTPUTS).lastHiddenState;
    });
    this.#steps.set(cache.generation, step);
    return step;
  }

  /** @param embeds `[B, L, M]` */
  #runLayers(
    embeds: Tensor3D,
    { rope, cache, gradientCheckpointing, routing, ...maskInputs }: StackInputs,
    wanted: OutputFlags,
  ): ModelOutput {
    let x = embeds;
    const l = x.shape[1];
    const masks = new LayerMasks(l, maskInputs);
    const tokenMask = tokenMaskOf(maskInputs.padding, l);
    const hiddenStates: Tensor3D[] = [];
    const seen: LayerOutput[] = [];
    try {
      for (const [index, decoderLayer] of this.layers.entries()) {
        hiddenStates.push(x);
        const made = gradientCheckpointing
          ? runLayerCheckpointed(decoderLayer, x, { rope, maskInputs, index, tokenMask, routing }, wanted)
          : runLayer(decoderLayer, x, { rope, masks, cache: cache?.layers[index], index, tokenMask, routing }, wanted);
        // Frees unneeded tensors as early as possible, since a long prompt fills memory otherwise.
        if (index > 0 && !wanted.hiddenStates && made.x !== x) x.dispose();
        x = made.x;
        seen.push(made);
      }
    } finally {
      masks.dispose();
    }
    const lastHiddenState = this.norm.forward(x);
    cache?.commit();
    const routings = seen.flatMap((made) => made.routings);
    return {
      lastHiddenState,
      ...(wanted.hiddenStates && { hiddenStates: [...hiddenStates, lastHiddenState] }),
      ...(wanted.attentions && { attentions: seen.flatMap(({ attentions }) => attentions) }),
      ...(wanted.routerLogits && { routerLogits: routings.map(({ logits }) => logits) }),
      ...(wanted.routings && { routings }),
    };
  }

  /** @returns `[B, L, M]` */
  #embed({ rows, length, values }: Batch): Tensor3D {
    return reshape(this.embedTokens.forward(tensor1d(values, "int32")), [rows, length, this.config.hiddenSize]);
  }

  #checkCache(cache: Cache): void {
    if (this.#checkedCaches.has(cache)) return;
    if (this.createCache().layouts.join() === cache.layouts.join()) {
      this.#checkedCaches.add(cache);
      return;
    }
    throw new DecoderError({
      where: "cache",
      expected: "a cache from this model's createCache",
      got: `a cache for ${cache.layers.length} layers, with ${cache.layouts.join("; ")}`,
    });
  }
}

/** Inputs that the layers of one forward pass share. */
interface StackInputs extends MaskInputs {
  readonly rope: RotaryTables;
  readonly cache: Cache | undefined;
  readonly gradientCheckpointing: boolean;
  readonly routing: RoutingObserver | undefined;
}
