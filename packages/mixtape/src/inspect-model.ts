import {
  changeConfig,
  fetchingOf,
  type LoadOptions,
  type LoadWarning,
  type ModelSummary,
  type PreTrainedModel,
  parseConfig,
  readConfig,
  summarize,
  type TensorFaults,
  warnOfTensors,
  weightBytes,
} from "@mixtape/decoder";
import { type EngineName, knownEngines } from "@mixtape/engine";
import { checkOptions } from "@mixtape/errors";
import { chooseStrategy, type ExpertsStrategy, storageOf } from "@mixtape/ops";
import {
  type CheckpointSource,
  type Dtype,
  type FetchOptions,
  openCheckpoint,
  type TensorSource,
} from "@mixtape/safetensors";
import { modelClassOf } from "./families.js";
import { checkTask, type Task } from "./tasks.js";

/** What a checkpoint is, from its config and headers alone. */
export interface ModelInspection extends ModelSummary {
  /** How many tensors of each dtype the files hold, and how many bytes those take. */
  readonly dtypes: Readonly<Partial<Record<Dtype, { readonly tensors: number; readonly bytes: number }>>>;
  /** Tensors that are missing, that do not belong, or that have another shape than the config says: it loads where there are none. */
  readonly faults: TensorFaults;
  /** What loading leaves out, reads under another name, or decides against the config. */
  readonly warnings: readonly LoadWarning[];
  /** What the weights take on each engine, and how its experts run; on `native` only where its binary loads. */
  readonly engines: Readonly<Record<Exclude<EngineName, "native">, EngineNeeds> & { native?: EngineNeeds }>;
}

/** What a model asks of an engine. */
export interface EngineNeeds {
  /** Bytes of weights; caches and activations come on top. */
  readonly weightBytes: number;
  /** How weights are kept there. */
  readonly storage: string;
  /** Whether weights stay in their files, so that they need not fit into memory. */
  readonly mapped: boolean;
  /** How routed experts run for one token; null for a model without experts. */
  readonly experts: ExpertsStrategy | null;
}

/**
 * Looks at a checkpoint without loading it: no engine is prepared, and no tensor is read, but for a head that the config ties
 * to the embedding and that the file holds all the same, which is compared with it. What is wrong with its tensors is told, not
 * thrown.
 * @param options as for {@link loadModel}
 * @throws {OptionError} for an option that it does not know
 * @throws as {@link loadModel} for folders that hold no checkpoint of a known family.
 */
export async function inspectModel(
  source: CheckpointSource,
  options: Pick<LoadOptions, "ignore" | "fetchOptions" | "config"> & { readonly task?: Task | "auto" } = {},
): Promise<ModelInspection> {
  checkOptions("inspectModel", options, { ignore: true, fetchOptions: true, config: true, task: true });
  const { ignore, task } = options;
  checkTask("inspectModel", task);
  const warnings: LoadWarning[] = [];
  const onWarning = (warning: LoadWarning): number => warnings.push(warning);
  const fetching = fetchingOf({ ...options, onWarning });
  const file = await readConfig(source, fetching);
  const Model = modelClassOf(file.json, file.where, task);
  const definition = Model.family.config;
  const parsed = changeConfig(definition, parseConfig(definition, file, { ignore, onWarning }), options.config);
  const where = source instanceof Map ? "the files" : String(source);
  const { model, dtypes, match } = await withTensors(
    source,
    async (tensors) => {
      const model = new Model(await Model.settleConfig(parsed, tensors, { where, onWarning }));
      return { model, dtypes: countDtypes(tensors), match: model.matchTensors(tensors) };
    },
    fetching,
  );
  warnOfTensors(match, where, onWarning, model.architecture);
  const summary = summarize(model);
  const engines = (await knownEngines()).map(
    (name) => [name, needsOf(model, summary, name, mainDtype(dtypes))] as const,
  );
  return {
    ...summary,
    dtypes,
    faults: match.faults,
    warnings,
    engines: Object.fromEntries(engines) as ModelInspection["engines"],
  };
}

function needsOf(
  model: PreTrainedModel,
  { experts, layers }: ModelSummary,
  backend: EngineName,
  dtype: Dtype,
): EngineNeeds {
  const routed = { tokens: 1, k: experts.perToken, experts: experts.total };
  const storage = storageOf(backend);
  return {
    weightBytes: weightBytes(model, backend, dtype),
    storage: storage.description,
    mapped: storage.mapped ?? false,
    experts: layers.moe > 0 ? chooseStrategy(routed, backend) : null,
  };
}

/** The dtype of most bytes of a checkpoint: engines that keep dtypes are counted as if all tensors had it. */
export function mainDtype(dtypes: ModelInspection["dtypes"]): Dtype {
  const bytesOf = Object.entries(dtypes).map(([dtype, { bytes }]) => [dtype as Dtype, bytes] as const);
  return bytesOf.reduce((most, one) => (one[1] > most[1] ? one : most), ["F32", 0] as const)[0];
}

/** How many tensors of each dtype a checkpoint holds. */
export function countDtypes(tensors: TensorSource): ModelInspection["dtypes"] {
  const counts: Partial<Record<Dtype, { tensors: number; bytes: number }>> = {};
  for (const name of tensors.names) {
    const { dtype, byteLength } = tensors.tensor(name);
    counts[dtype] ??= { tensors: 0, bytes: 0 };
    counts[dtype].tensors++;
    counts[dtype].bytes += byteLength;
  }
  return counts;
}

/** Reads the headers of a checkpoint, and closes it when `look` has seen them. */
export async function withTensors<T>(
  source: CheckpointSource,
  look: (tensors: TensorSource) => T | Promise<T>,
  fetching: FetchOptions = {},
): Promise<T> {
  const tensors = await openCheckpoint(source, fetching);
  try {
    return await look(tensors);
  } finally {
    await tensors.close();
  }
}
