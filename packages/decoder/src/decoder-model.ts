import type { DecoderConfig } from "@mixtape/config";
import { type AttentionContext, Embedding, KVCache, Module, RMSNorm, RotaryEmbedding } from "@mixtape/layers";
import { AttentionMask, type KeyPadding, RepeatedStep, type RotaryTables } from "@mixtape/ops";
import { reshape, type Tensor2D, type Tensor3D, type Tensor4D, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { type Batch, type BatchInput, readBatch } from "./batch.js";
import type { DecoderLayer } from "./decoder-layer.js";
import { DecoderError } from "./errors.js";
import type { ModelInputs, ModelOutput, TokenInputs } from "./forward.js";

/** Embeddings, a stack of layers, a final norm. A family says, in `buildLayer`, what a layer is. */
export abstract class DecoderModel<C extends DecoderConfig = DecoderConfig> extends Module {
  readonly config: C;
  readonly embedTokens: Embedding;
  readonly layers: readonly DecoderLayer[];
  readonly norm: RMSNorm;
  readonly #rotary: RotaryEmbedding;
  readonly #steps = new WeakMap<object, RepeatedStep>();

  constructor(config: C) {
    super();
    this.config = config;
    const { vocabSize, hiddenSize, numHiddenLayers, rmsNormEps, tieWordEmbeddings: tied } = config;
    this.embedTokens = new Embedding(vocabSize, hiddenSize, { tied });
    this.layers = Array.from({ length: numHiddenLayers }, (_, layer) => this.buildLayer(config, layer));
    this.norm = new RMSNorm(hiddenSize, rmsNormEps);
    this.#rotary = new RotaryEmbedding(config);
  }

  /**
   * Runs the model.
   * @throws {DecoderError} for ids outside the vocabulary, and for masks, positions or caches that do not fit the tokens.
   */
  forward(inputs: ModelInputs): ModelOutput {
    const { cache } = inputs;
    if (cache && cache.windows.join() !== this.#windows().join())
      throw new DecoderError({
        where: "cache",
        expected: "one that this model's createCache made",
        got: `one for ${cache.windows.length} layers, with the windows ${cache.windows.map((window) => window ?? "none")}`,
      });
    const past = cache?.length ?? 0;
    try {
      return tidy(() => this.#run(inputs, past));
    } catch (error) {
      // Some layers have the new tokens and some do not: back to what all agree on.
      cache?.crop(past);
      throw error;
    }
  }

  /** An empty cache for this model; an engine may keep it in the dtype of the embeddings' checkpoint. Dispose it. */
  createCache(): KVCache {
    return new KVCache(this.#windows(), { dtype: this.embedTokens.weight.dtype });
  }

  /** Makes a layer. Called by the constructor: it must not read `this`. */
  protected abstract buildLayer(config: C, layer: number): DecoderLayer;

  /** What happens to embeddings before the first layer. Nothing here. @param embeds `[B, L, M]` @returns `[B, L, M]` */
  protected scaleEmbeddings(embeds: Tensor3D): Tensor3D {
    return embeds;
  }

  #run(inputs: ModelInputs, past: number): ModelOutput {
    const { cache, outputHiddenStates = false, outputAttentions = false, fixedModel = false } = inputs;
    const outputRouterLogits = inputs.outputRouterLogits ?? this.config.outputRouterLogits;
    const wanted = { hiddenStates: outputHiddenStates, attentions: outputAttentions, routerLogits: outputRouterLogits };
    const x = this.scaleEmbeddings(this.#embed(inputs));
    const [b, l] = x.shape;
    const rope = this.#rotary.tables(this.#positions(inputs.positionIds, b, l, past));
    const padding = readPadding(inputs.attentionMask, b, past + l);
    cache?.slide();
    const isStep = fixedModel && cache && l === 1 && !padding && !Object.values(wanted).includes(true);
    if (!isStep) return this.#runLayers(x, { rope, cache, padding }, wanted);
    return { lastHiddenState: this.#stepOf(cache).run([x, rope.cos, rope.sin]) as Tensor3D };
  }

  /** The step of one token with that cache, which is the same as long as the cache only grows. */
  #stepOf(cache: KVCache): RepeatedStep {
    const known = this.#steps.get(cache.epoch);
    if (known) return known;
    const step = new RepeatedStep(([x, cos, sin]) => {
      const rope = { cos, sin } as RotaryTables;
      return this.#runLayers(x as Tensor3D, { rope, cache, padding: null }, NOTHING).lastHiddenState;
    });
    this.#steps.set(cache.epoch, step);
    return step;
  }

  /** @param embeds `[B, L, M]` */
  #runLayers(embeds: Tensor3D, { rope, cache, padding }: Past, wanted: Wanted): ModelOutput {
    let x = embeds;
    const l = x.shape[1];
    const masks = new LayerMasks(l, padding);
    const hiddenStates: Tensor3D[] = [];
    const attentions: Tensor4D[] = [];
    const routerLogits: Tensor2D[] = [];
    try {
      for (const [layer, decoderLayer] of this.layers.entries()) {
        hiddenStates.push(x);
        const mask = masks.of((cache?.heldBy(layer) ?? 0) + l, this.#windowOf(layer));
        const made = runLayer(decoderLayer, x, { rope, mask, cache }, wanted);
        // What is wanted by nobody is freed as soon as it can be: a long prompt fills memory otherwise.
        if (layer > 0 && !wanted.hiddenStates && made.x !== x) x.dispose();
        x = made.x;
        attentions.push(...made.attentions);
        routerLogits.push(...made.routerLogits);
      }
    } finally {
      masks.dispose();
    }
    const lastHiddenState = this.norm.forward(x);
    return {
      lastHiddenState,
      ...(wanted.hiddenStates && { hiddenStates: [...hiddenStates, lastHiddenState] }),
      ...(wanted.attentions && { attentions }),
      ...(wanted.routerLogits && { routerLogits }),
    };
  }

  #embed({ inputIds, inputsEmbeds }: TokenInputs): Tensor3D {
    const { vocabSize, hiddenSize } = this.config;
    if (inputsEmbeds) {
      if (inputIds || inputsEmbeds.shape[2] !== hiddenSize)
        throw new DecoderError({
          where: "inputsEmbeds",
          expected: `[B, L, ${hiddenSize}], and no inputIds beside them`,
          got: `[${inputsEmbeds.shape}]${inputIds ? " and inputIds" : ""}`,
        });
      return inputsEmbeds;
    }
    if (!inputIds) throw new DecoderError({ where: "forward", expected: "inputIds or inputsEmbeds", got: "neither" });
    const { rows, length, values } = readBatch(inputIds, "inputIds");
    const outside = values.findIndex((id) => id < 0 || id >= vocabSize);
    if (outside >= 0)
      throw new DecoderError({
        where: `inputIds[${Math.floor(outside / length)}][${outside % length}]`,
        expected: `a token id from 0 to ${vocabSize - 1}`,
        got: `${values[outside]}`,
        fix: "The tokenizer may belong to another model",
      });
    return reshape(this.embedTokens.forward(tensor1d(values, "int32")), [rows, length, hiddenSize]);
  }

  #positions(input: BatchInput | undefined, b: number, l: number, past: number): Batch {
    if (!input) return { rows: 1, length: l, values: Int32Array.from({ length: l }, (_, i) => past + i) };
    const batch = readBatch(input, "positionIds");
    if (batch.length !== l || (batch.rows !== 1 && batch.rows !== b))
      throw new DecoderError({
        where: "positionIds",
        expected: `${b} × ${l}, or 1 × ${l}`,
        got: `${batch.rows} × ${batch.length}`,
      });
    return batch;
  }

  #windows(): (number | null)[] {
    return this.config.layerTypes.map((_, layer) => this.#windowOf(layer));
  }

  #windowOf(layer: number): number | null {
    return this.config.layerTypes[layer] === "sliding_attention" ? this.config.slidingWindow : null;
  }
}

/** What the layers of one forward pass share. */
interface Past {
  readonly rope: RotaryTables;
  readonly cache: KVCache | undefined;
  readonly padding: KeyPadding | null;
}

/** What is wanted besides the last hidden state. */
interface Wanted {
  readonly hiddenStates: boolean;
  readonly attentions: boolean;
  readonly routerLogits: boolean;
}

const NOTHING: Wanted = { hiddenStates: false, attentions: false, routerLogits: false };

/** What a layer gives, and what was seen of it on the way. */
type LayerOutput = { x: Tensor3D; attentions: Tensor4D[]; routerLogits: Tensor2D[] };

/** Runs a layer; of the tensors that it makes, what it gives and what is wanted are left. */
function runLayer(layer: DecoderLayer, x: Tensor3D, context: AttentionContext, wanted: Wanted): LayerOutput {
  return tidy(() => {
    const attentions: Tensor4D[] = [];
    const routerLogits: Tensor2D[] = [];
    const onProbabilities = wanted.attentions ? (p: Tensor4D) => attentions.push(p) : undefined;
    const onRouterLogits = wanted.routerLogits ? (logits: Tensor2D) => routerLogits.push(logits) : undefined;
    return { x: layer.forward(x, { ...context, onProbabilities, onRouterLogits }), attentions, routerLogits };
  });
}

/** Masks of one forward pass: layers that see the same share one. */
class LayerMasks {
  readonly #queries: number;
  readonly #padding: KeyPadding | null;
  readonly #masks = new Map<string, AttentionMask>();

  constructor(queries: number, padding: KeyPadding | null) {
    this.#queries = queries;
    this.#padding = padding;
  }

  of(keys: number, window: number | null): AttentionMask {
    const name = `${keys} ${window}`;
    const known = this.#masks.get(name);
    if (known) return known;
    const keyPadding = this.#padding && lastColumns(this.#padding, keys);
    const mask = new AttentionMask({ queries: this.#queries, keys, window, keyPadding });
    this.#masks.set(name, mask);
    return mask;
  }

  dispose(): void {
    for (const mask of this.#masks.values()) mask.dispose();
  }
}

function readPadding(input: BatchInput | undefined, b: number, slots: number): KeyPadding | null {
  if (!input) return null;
  const { rows, length, values } = readBatch(input, "attentionMask");
  if (rows !== b || length !== slots)
    throw new DecoderError({
      where: "attentionMask",
      expected: `${b} × ${slots}, tokens in the cache included`,
      got: `${rows} × ${length}`,
    });
  return { rows, values: Uint8Array.from(values, (value) => (value === 0 ? 0 : 1)) };
}

/** What a layer that no longer holds the first slots sees of the padding. */
function lastColumns({ rows, values }: KeyPadding, keys: number): KeyPadding {
  const slots = values.length / rows;
  if (slots === keys) return { rows, values };
  const kept = new Uint8Array(rows * keys);
  for (let row = 0; row < rows; row++)
    kept.set(values.subarray((row + 1) * slots - keys, (row + 1) * slots), row * keys);
  return { rows, values: kept };
}
