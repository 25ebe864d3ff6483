import { type DecoderConfig, type GenerationConfig, generationConfig } from "@mixtape/config";
import { type Cache, Module } from "@mixtape/layers";
import {
  type CheckpointSource,
  type Dtype,
  nameOfSource,
  type TensorSource,
  type TensorToWrite,
  writeCheckpoint,
} from "@mixtape/safetensors";
import { type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import type { CacheOptions } from "./caches/cache-options.js";
import { changeConfig } from "./config-changes.js";
import { parseConfig, readConfig, readGenerationConfig, warnOfQuantizedCache } from "./config-file.js";
import { DecoderModel } from "./decoder-model.js";
import { DecoderError } from "./errors.js";
import type { Family } from "./family.js";
import type { HiddenOutput, ModelInputs } from "./forward.js";
import { checkedOutputs } from "./heads/checked-outputs.js";
import { type InitOptions, initialize } from "./initialize.js";
import { checkLoadOptions, fetchingOf, type LoadOptions, loadParameters } from "./load.js";
import { type OnWarning, warnOnConsole } from "./load-warning.js";
import { matchTensors, type TensorMatch } from "./match-tensors.js";
import { openWeights } from "./open-weights.js";
import { tensorsToWrite, watched } from "./save.js";
import { checkSaveOptions, configDtype, type SaveOptions } from "./save-options.js";
import { prefix, type WeightMapping } from "./weights/weight-mapping.js";

/** Static side of a model class: a head on a family. */
export interface ModelConstructor<M extends PreTrainedModel<C>, C extends DecoderConfig = DecoderConfig> {
  new (config: C): M;
  readonly family: Family<C>;
  /** Name of the head in transformers' class names, such as `ForCausalLM`. */
  readonly head: string;
  /** See {@link PreTrainedModel.settleConfig}. */
  settleConfig(config: C, tensors: TensorSource, context: SettleContext): Promise<C>;
}

/** A model class. */
export interface ModelClass<M extends PreTrainedModel<C>, C extends DecoderConfig = DecoderConfig>
  extends ModelConstructor<M, C> {
  /** See {@link PreTrainedModel.fromPretrained}. */
  fromPretrained(source: CheckpointSource, options?: LoadOptions): Promise<M>;
}

/** Source of a config, and receiver of warnings if the checkpoint overrides it. */
export interface SettleContext {
  readonly where: string;
  readonly onWarning: OnWarning;
}

/**
 * Base of all models: a decoder that is loaded from and saved in Hugging Face format. Subclasses set `static family`
 * and `static head`.
 */
export abstract class PreTrainedModel<C extends DecoderConfig = DecoderConfig> extends Module {
  readonly config: C;
  readonly model: DecoderModel<C>;
  readonly #disposers: (() => void)[] = [];
  /** Sampling defaults from its `generation_config.json`. */
  generationConfig: GenerationConfig = {};

  constructor(config: C) {
    super();
    const { decoder: Decoder = DecoderModel, layer } = classOf(new.target).family as object as Family<C>;
    this.config = config;
    this.model = new Decoder(config, layer) as DecoderModel<C>;
  }

  /**
   * Loads a checkpoint in Hugging Face format onto the current engine.
   * @param source a folder (Node), the URL of one, or a map of file names to contents
   * @throws {OptionError} for an unknown option
   * @throws {ConfigError} if the config asks for something that this family does not implement
   * @throws {CheckpointError} listing all missing and misshaped tensors
   */
  static async fromPretrained<M extends PreTrainedModel<C>, C extends DecoderConfig>(
    this: ModelConstructor<M, C>,
    source: CheckpointSource,
    options: LoadOptions = {},
  ): Promise<M> {
    checkLoadOptions("fromPretrained", options);
    const { ignore, onWarning = warnOnConsole } = options;
    const where = nameOfSource(source);
    const fetching = fetchingOf(options);
    const file = await readConfig(source, fetching);
    const parsed = parseConfig(this.family.config, file, { ignore, onWarning });
    const generation = await readGenerationConfig(source, file, { ignore, fetching });
    warnOfQuantizedCache(generation, onWarning);
    const tensors = await openWeights(source, file, fetching);
    try {
      const changed = changeConfig(this.family.config, parsed, options.config);
      const model = new this(await this.settleConfig(changed, tensors, { where, onWarning }));
      model.generationConfig = generation;
      await loadParameters(model, tensors, model.weightMappings, {
        ...options,
        onWarning,
        where,
        architecture: model.architecture,
        mayLack: (name) => model.mayLack(name),
        std: model.config.initializerRange,
      });
      return model;
    } finally {
      await tensors.close();
    }
  }

  /** Returns the config adjusted to the checkpoint. No-op by default. */
  static async settleConfig<C extends DecoderConfig>(
    config: C,
    _tensors: TensorSource,
    _context: SettleContext,
  ): Promise<C> {
    return config;
  }

  /** Returns an empty cache for this model. Dispose it. @throws {OptionError} for an unknown option or value */
  createCache(options?: CacheOptions): Cache {
    return this.model.createCache(options);
  }

  /** Initialises every parameter, as for training from scratch. Same seed, same values. */
  initialize(options?: InitOptions): Promise<void> {
    return initialize(this, { std: this.config.initializerRange, ...options });
  }

  /** Family of the model. */
  get family(): Family {
    return classOf(this.constructor).family;
  }

  /** Name of the head in transformers' class names, such as `ForCausalLM`; `Model` for none. */
  get head(): string {
    return classOf(this.constructor).head;
  }

  /** Name of the class in transformers, as in `architectures` of `config.json`: `MixtralForSequenceClassification`. */
  get architecture(): string {
    return this.family.name + this.head;
  }

  /** Differences of names and layouts of parameters on disk from those in memory. */
  get weightMappings(): readonly WeightMapping[] {
    const { names, headPrefixes = {} } = this.family;
    const own = typeof names === "function" ? names(this.config) : names;
    const onDisk = this.head === "Model" ? "" : headPrefixes[this.head];
    return onDisk === undefined ? own : [...own, prefix("model", onDisk)];
  }

  /** Compares a checkpoint with this model's tensors. No tensor is read, and the model need not be loaded. */
  matchTensors(source: TensorSource): TensorMatch {
    return matchTensors(this, source, this.weightMappings, (name) => this.mayLack(name));
  }

  /**
   * Whether a checkpoint may lack a parameter, which is then initialized with a warning: parameters of a head to be
   * trained. Default: never.
   */
  mayLack(_name: string): boolean {
    return false;
  }

  /**
   * Runs the decoder, and a head on its last hidden states. Frees all tensors except the returned ones.
   * @param head from `[B, L, M]` to the outputs of the head
   * @throws {DecoderError} for anything else than inputs, and for a head that returns a Promise or no outputs
   */
  protected withHead<O extends object>(inputs: ModelInputs, head: (lastHiddenState: Tensor3D) => O): O & HiddenOutput {
    if (typeof inputs !== "object" || inputs === null)
      throw new DecoderError({ where: "forward", expected: "an object with inputIds", got: `${inputs}` });
    return tidy(() => {
      const { lastHiddenState, ...outputs } = this.model.forward(inputs);
      return { ...outputs, ...checkedOutputs(this.architecture, head(lastHiddenState)) };
    });
  }

  /** Yields the tensors of a checkpoint of this model, under their names on disk. */
  tensorsToWrite(dtype?: Dtype): IterableIterator<TensorToWrite> {
    return tensorsToWrite(this, this.weightMappings, dtype);
  }

  /**
   * Saves the model in Hugging Face format (Node). A process that is killed during the save leaves either the old
   * checkpoint or the new one.
   * @param folder created if it does not exist
   * @throws {OptionError} for an unknown option
   * @throws {DecoderError} for a dtype that weights cannot have; then nothing is written, and no folder created
   * @throws {SafetensorsWriteError} if the system refuses
   */
  async savePretrained(folder: string, saveOptions: SaveOptions = {}): Promise<void> {
    checkSaveOptions(folder, saveOptions);
    const { dtype, files, onProgress, signal, ...options } = saveOptions;
    const { architectures } = this.config;
    const config = {
      ...this.config,
      dtype: (dtype && configDtype(dtype)) ?? this.config.dtype,
      architectures: architectures?.includes(this.architecture) ? architectures : [this.architecture],
    };
    await writeCheckpoint(folder, watched([...this.tensorsToWrite(dtype)], { onProgress, signal }), {
      ...options,
      files: {
        "config.json": this.family.config.stringify(config),
        "generation_config.json": generationConfig.stringify(this.generationConfig),
        ...files,
      },
    });
  }

  /**
   * Calls `free` when the model is disposed: for resources that belong to it but are not parameters, such as adapters.
   */
  onDispose(free: () => void): void {
    this.#disposers.push(free);
  }

  /** Frees the values of all parameters, and resources such as adapters. The model can be loaded again. */
  override dispose(): void {
    super.dispose();
    for (const free of this.#disposers) free();
  }
}

/**
 * Returns the class of a model with its family. Not a member: a model of a narrower config would then not be a
 * `PreTrainedModel`.
 */
function classOf(made: unknown): ModelClass<PreTrainedModel> {
  return made as ModelClass<PreTrainedModel>;
}
