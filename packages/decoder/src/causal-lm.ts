import { type ConfigDefinition, type DecoderConfig, type GenerationConfig, generationConfig } from "@mixtape/config";
import { checkOptions, type OptionNames } from "@mixtape/errors";
import { type Around, type Cache, type CapturedRouting, Linear, Module } from "@mixtape/layers";
import { linear } from "@mixtape/ops";
import {
  type CheckpointSource,
  type Dtype,
  openCheckpoint,
  type TensorSource,
  type TensorToWrite,
  writeCheckpoint,
} from "@mixtape/safetensors";
import { add, gather, mul, type Scalar, slice, type Tensor3D, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { readBatch } from "./batch.js";
import { parseConfig, readConfig, readGenerationConfig } from "./config-file.js";
import type { DecoderModel } from "./decoder-model.js";
import { DecoderError } from "./errors.js";
import type { CausalLMInputs, CausalLMOutput } from "./forward.js";
import { type InitOptions, initialize } from "./initialize.js";
import { checkLoadOptions, fetchingOf, type LoadOptions, loadParameters } from "./load.js";
import { warnOnConsole } from "./load-warning.js";
import { causalLoss } from "./losses.js";
import { matchTensors, type TensorMatch } from "./match-tensors.js";
import { type SaveProgress, tensorsToWrite, watched } from "./save.js";
import { settleHead, TIED_NAMES } from "./tied-head.js";
import type { WeightMapping, WeightMappings } from "./weights/weight-mapping.js";

/** What a class of causal language models says of its family. */
export interface CausalLMFamily<M extends CausalLM<C>, C extends DecoderConfig = DecoderConfig> {
  new (config: C): M;
  /** Reads and writes the family's `config.json`; its `modelType` names the family. */
  readonly config: ConfigDefinition<C, object>;
  /** How names and layouts of its parameters on disk differ from those in memory. May depend on the config. */
  readonly names: WeightMappings<C>;
}

/** A class of causal language models. */
export interface CausalLMClass<M extends CausalLM<C>, C extends DecoderConfig = DecoderConfig>
  extends CausalLMFamily<M, C> {
  /** See {@link CausalLM.fromPretrained}. */
  fromPretrained(source: CheckpointSource, options?: LoadOptions): Promise<M>;
}

/** How a model is saved. */
export interface SaveOptions {
  /** The dtype of all parameters, of floating point; each keeps that of the checkpoint that it came from where absent. */
  readonly dtype?: Dtype;
  /** Larger checkpoints are split into shards of at most that size. */
  readonly maxShardBytes?: number;
  /** More files that belong with the checkpoint, such as those of its tokenizer. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Called after each tensor, with bytes of the checkpoint. */
  readonly onProgress?: (progress: SaveProgress) => void;
  /** Stops between two tensors: what was in the folder before stays. */
  readonly signal?: AbortSignal;
}

const SAVE_OPTIONS: OptionNames<SaveOptions> = {
  dtype: true,
  maxShardBytes: true,
  files: true,
  onProgress: true,
  signal: true,
};

/**
 * A decoder with a head over the vocabulary. A family derives from it: `static config` and `static names` say how its
 * checkpoints are read, `buildModel` says what the decoder is.
 */
export abstract class CausalLM<C extends DecoderConfig = DecoderConfig> extends Module {
  readonly config: C;
  readonly model: DecoderModel<C>;
  /** `[V, M]`, or null where the head shares the weights of the embedding. */
  readonly lmHead: Linear | null;
  /** Wraps the head over the vocabulary, from hidden states to logits; null for nothing. */
  aroundHead: Around<Tensor3D, Tensor3D> | null = null;
  readonly #disposers: (() => void)[] = [];
  /** How the model wants to be sampled from, of its `generation_config.json`. */
  generationConfig: GenerationConfig = {};

  constructor(config: C) {
    super();
    this.config = config;
    this.model = this.buildModel(config);
    this.lmHead = config.tieWordEmbeddings ? null : new Linear(config.hiddenSize, config.vocabSize);
  }

  /**
   * Loads a checkpoint in Hugging Face format onto the engine in use.
   * @param source a folder (Node), the URL of one, or a map of file names to contents
   * @throws {OptionError} for an option that it does not know
   * @throws {ConfigError} where the config asks for what this family does not do
   * @throws {CheckpointError} listing all missing and wrongly shaped tensors
   */
  static async fromPretrained<M extends CausalLM<C>, C extends DecoderConfig>(
    this: CausalLMFamily<M, C>,
    source: CheckpointSource,
    options: LoadOptions = {},
  ): Promise<M> {
    checkLoadOptions("fromPretrained", options);
    const { ignore, onWarning = warnOnConsole } = options;
    const where = nameOf(source);
    const fetching = fetchingOf(options);
    const file = await readConfig(source, fetching);
    const parsed = parseConfig(this.config, file, { ignore, onWarning });
    const generation = await readGenerationConfig(source, file, { ignore, fetching });
    const tensors = await openCheckpoint(source, fetching);
    try {
      const model = new this(await settleHead(this.config, parsed, tensors, { where, onWarning }));
      model.generationConfig = generation;
      await loadParameters(model, tensors, model.weightMappings, { ...options, onWarning, where });
      return model;
    } finally {
      await tensors.close();
    }
  }

  /** An empty cache for this model. Dispose it. */
  createCache(): Cache {
    return this.model.createCache();
  }

  /** Gives every parameter fresh values, as for training from scratch. Same seed, same values. */
  initialize(options?: InitOptions): Promise<void> {
    return initialize(this, { std: this.config.initializerRange, ...options });
  }

  /**
   * Logits of the next token, and with labels the loss.
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
      const auxLoss = outputRouterLogits ? this.auxLoss(routings ?? []) : undefined;
      return {
        logits,
        ...outputs,
        ...(outputRoutings && { routings }),
        ...(auxLoss && { auxLoss }),
        ...(inputs.labels && { loss: this.#loss(logits, inputs, auxLoss) }),
      };
    });
  }

  /** How names and layouts of its parameters on disk differ from those in memory. */
  get weightMappings(): readonly WeightMapping[] {
    const { names } = familyOf(this);
    return [...(this.lmHead ? [] : TIED_NAMES), ...(typeof names === "function" ? names(this.config) : names)];
  }

  /** How a checkpoint differs from what this model asks for. No tensor is read, and the model need not be loaded. */
  matchTensors(source: TensorSource): TensorMatch {
    return matchTensors(this, source, this.weightMappings);
  }

  /** The tensors that a checkpoint of this model has, under their names on disk. */
  tensorsToWrite(dtype?: Dtype): IterableIterator<TensorToWrite> {
    return tensorsToWrite(this, this.weightMappings, dtype);
  }

  /**
   * Saves the model in Hugging Face format (Node). A process that is killed meanwhile leaves the old checkpoint or the new.
   * @param folder made where it does not exist
   * @throws {OptionError} for an option that it does not know
   * @throws {DecoderError} for a dtype that weights cannot have; nothing is written then, and no folder made
   * @throws {SafetensorsWriteError} when the system refuses
   */
  async savePretrained(folder: string, saveOptions: SaveOptions = {}): Promise<void> {
    if (typeof folder !== "string" || folder === "")
      throw new DecoderError({
        where: "savePretrained",
        expected: "the path of a folder",
        got: JSON.stringify(folder),
      });
    checkOptions("savePretrained", saveOptions, SAVE_OPTIONS);
    const { dtype, files, onProgress, signal, ...options } = saveOptions;
    if (dtype) checkDtype(dtype);
    const config = { ...this.config, dtype: dtype ? (CONFIG_DTYPES[dtype] ?? this.config.dtype) : this.config.dtype };
    await writeCheckpoint(folder, watched([...this.tensorsToWrite(dtype)], { onProgress, signal }), {
      ...options,
      files: {
        "config.json": familyOf(this).config.stringify(config),
        "generation_config.json": generationConfig.stringify(this.generationConfig),
        ...files,
      },
    });
  }

  /** Calls `free` when the model is disposed: for what belongs to it and is no part of it, such as its adapters. */
  onDispose(free: () => void): void {
    this.#disposers.push(free);
  }

  /** Frees the values of all parameters, and what belongs to the model, such as its adapters. It can be loaded again. */
  override dispose(): void {
    super.dispose();
    for (const free of this.#disposers) free();
  }

  /** Makes the decoder. Called by the constructor: it must not read `this`. */
  protected abstract buildModel(config: C): DecoderModel<C>;

  /** The auxiliary loss of the family's routers. Default: none. */
  protected auxLoss(_routings: readonly CapturedRouting[]): Scalar | undefined {
    return undefined;
  }

  /** Coefficient of the auxiliary loss in the loss. */
  protected get auxLossCoef(): number {
    return 0;
  }

  #head(hidden: Tensor3D): Tensor3D {
    const map = (x: Tensor3D): Tensor3D => linear(x, (this.lmHead ?? this.model.embedTokens).weight.weight);
    return this.aroundHead ? this.aroundHead(hidden, map) : map(hidden);
  }

  #loss(logits: Tensor3D, { labels, numItemsInBatch, logitsToKeep }: CausalLMInputs, auxLoss?: Scalar): Scalar {
    if (logitsToKeep)
      throw new DecoderError({
        where: "logitsToKeep",
        expected: "0 where there are labels",
        got: JSON.stringify(logitsToKeep),
        fix: "The loss needs the logits of all positions",
      });
    const loss = causalLoss(logits, readBatch(labels!, "labels"), numItemsInBatch);
    return auxLoss ? add(loss, mul(auxLoss, this.auxLossCoef)) : loss;
  }
}

/** No member of the class: a model of a narrower config would be no `CausalLM` any more. */
function familyOf<C extends DecoderConfig>(model: CausalLM<C>): CausalLMFamily<CausalLM<C>, C> {
  return model.constructor as unknown as CausalLMFamily<CausalLM<C>, C>;
}

/** How configs call the dtypes of safetensors. */
const CONFIG_DTYPES: Partial<Record<Dtype, DecoderConfig["dtype"]>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** The dtypes that weights can be saved in. */
const WEIGHT_DTYPES: readonly Dtype[] = ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"];

function checkDtype(dtype: string): void {
  if (WEIGHT_DTYPES.some((known) => known === dtype)) return;
  const meant = Object.entries(CONFIG_DTYPES).find(([, name]) => name === dtype)?.[0];
  throw new DecoderError({
    where: "savePretrained: dtype",
    expected: `one of ${WEIGHT_DTYPES.join(", ")}`,
    got: JSON.stringify(dtype),
    ...(meant && { fix: `As safetensors calls it, that is ${meant}` }),
  });
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

/** What to call a checkpoint in errors. */
function nameOf(source: CheckpointSource): string {
  return source instanceof Map ? "the files" : String(source);
}
