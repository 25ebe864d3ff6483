import {
  blockFormatOf,
  type ConfigFile,
  changeConfig,
  decodedWeights,
  fetchingOf,
  type LoadJob,
  type LoadOptions,
  type LoadWarning,
  type ModelSummary,
  openWeights,
  type PreTrainedModel,
  parseConfig,
  readConfig,
  storedBytes,
  summarize,
  type TensorFaults,
  warnOfTensors,
  weightBytes,
  weightPlacement,
} from "@mixtape/decoder";
import { type EngineName, knownEngines } from "@mixtape/engine";
import { checkOptions } from "@mixtape/errors";
import { chooseStrategy, type ExpertsStrategy, storageOf } from "@mixtape/ops";
import {
  type CheckpointSource,
  type Dtype,
  type FetchOptions,
  isDtype,
  nameOfSource,
  type TensorSource,
} from "@mixtape/safetensors";
import { openSource } from "./checkpoint-source.js";
import { type PartialExperts, partialExperts, type WeightLimit, weightLimit } from "./expert-room.js";
import { modelClassOf } from "./families.js";
import { type WeightsByKind, weightsByKind } from "./inspect-weights.js";
import { memoryBytes } from "./memory-size.js";
import { checkTask, type Task } from "./tasks.js";

/** Options of {@link inspectModel}. */
export interface InspectOptions extends Pick<LoadOptions, "ignore" | "fetchOptions" | "config"> {
  readonly task?: Task | "auto";
  /** Memory that the weights may take, as for {@link loadModel}. */
  readonly memory?: number | string;
}

/** Summary of a checkpoint, from its config and headers alone. */
export interface ModelInspection extends ModelSummary {
  /**
   * Number of weights and bytes of each dtype in the files; those of quantised weights are under the name of their
   * format, such as `fp8` or `Q4_K`.
   */
  readonly dtypes: Readonly<Record<string, { readonly tensors: number; readonly bytes: number }>>;
  /** Storage of each kind of weights in the files: attention, experts and so on. */
  readonly weights: WeightsByKind;
  /**
   * Tensors that are missing, unexpected, or of another shape than the config says: the model loads if there are none.
   */
  readonly faults: TensorFaults;
  /** Tensors and keys that loading skips, renames or overrides. */
  readonly warnings: readonly LoadWarning[];
  /** Memory of the weights and expert strategy on each engine; `native` only if its binary loads. */
  readonly engines: Readonly<Record<Exclude<EngineName, "native">, EngineNeeds> & { native?: EngineNeeds }>;
}

/** Requirements of a model on an engine. */
export interface EngineNeeds {
  /** Bytes of weights; caches and activations come on top. */
  readonly weightBytes: number;
  /** Bytes of those among them that are quantised in the files and that the engine decodes to float32. */
  readonly decodedBytes: number;
  /** Storage of weights on the engine. */
  readonly storage: string;
  /** Whether weights are memory-mapped from their files, so that they need not fit into memory. */
  readonly mapped: boolean;
  /** Routed experts that stay in their files and do not all fit into memory; null if all weights fit, or none stay there. */
  readonly partialExperts: PartialExperts | null;
  /** Strategy of routed experts for one token; null for a model without experts. */
  readonly experts: ExpertsStrategy | null;
}

/**
 * Inspects a checkpoint without loading it: no engine is prepared, and no tensor is read, except a head that the config
 * ties to the embedding and that the file contains anyway, which is compared with it. Problems with tensors are
 * reported, not thrown.
 * @param options as for {@link loadModel}
 * @throws {OptionError} for an unknown option
 * @throws as {@link loadModel} for folders without a checkpoint of a known family.
 */
export async function inspectModel(location: CheckpointSource, options: InspectOptions = {}): Promise<ModelInspection> {
  checkOptions("inspectModel", options, { ignore: true, fetchOptions: true, config: true, task: true, memory: true });
  const { ignore, task, memory } = options;
  const limit = weightLimit(memory === undefined ? undefined : memoryBytes(memory, "inspectModel: memory"));
  checkTask("inspectModel", task);
  const warnings: LoadWarning[] = [];
  const onWarning = (warning: LoadWarning): number => warnings.push(warning);
  const fetching = fetchingOf({ ...options, onWarning });
  const source = await openSource(location, fetching);
  const file = await readConfig(source, fetching);
  const Model = modelClassOf(file.json, file.where, task);
  const definition = Model.family.config;
  const parsed = changeConfig(definition, parseConfig(definition, file, { ignore, onWarning }), options.config);
  const where = nameOfSource(source);
  const { model, dtypes, match, weights } = await withTensors(
    { source, file },
    async (tensors) => {
      const model = new Model(await Model.settleConfig(parsed, tensors, { where, onWarning }));
      const match = model.matchTensors(tensors);
      return { model, dtypes: countDtypes(tensors), match, weights: weightsByKind(match.jobs) };
    },
    fetching,
  );
  warnOfTensors(match, where, onWarning, model.architecture);
  const summary = summarize(model);
  const engines = (await knownEngines()).map(
    (name) => [name, needsOf(model, summary, name, { dtype: mainDtype(dtypes), jobs: match.jobs, limit })] as const,
  );
  return {
    ...summary,
    dtypes,
    weights,
    faults: match.faults,
    warnings,
    engines: Object.fromEntries(engines) as ModelInspection["engines"],
  };
}

function needsOf(
  model: PreTrainedModel,
  { experts, layers }: ModelSummary,
  backend: EngineName,
  {
    dtype,
    jobs,
    limit,
  }: { readonly dtype: Dtype; readonly jobs: readonly LoadJob[]; readonly limit: WeightLimit | null },
): EngineNeeds {
  const placement = weightPlacement(jobs, { expertsPerToken: experts.perToken, backend });
  const routed = { tokens: 1, k: experts.perToken, experts: experts.total };
  const storage = storageOf(backend);
  return {
    weightBytes: weightBytes(model, backend, dtype, jobs),
    decodedBytes: decodedWeights(jobs, backend).bytes,
    storage: storage.description,
    mapped: storage.mapped ?? false,
    partialExperts: limit && storage.mapped ? partialExperts(placement, limit) : null,
    experts: layers.moe > 0 ? chooseStrategy(routed, backend) : null,
  };
}

/**
 * Returns the dtype of most bytes of a checkpoint: engines that keep dtypes are counted as if all tensors had it. It is
 * F32 for quantised weights, which are decoded.
 */
export function mainDtype(dtypes: ModelInspection["dtypes"]): Dtype {
  const bytesOf = Object.entries(dtypes).map(([dtype, { bytes }]) => [dtype, bytes] as const);
  const [name] = bytesOf.reduce((most, one) => (one[1] > most[1] ? one : most), ["F32", 0] as const);
  return isDtype(name) ? name : "F32";
}

/** Counts the tensors of each dtype in a checkpoint. */
export function countDtypes(tensors: TensorSource): ModelInspection["dtypes"] {
  const counts = new Map<string, { tensors: number; bytes: number }>();
  for (const name of tensors.names) {
    const view = tensors.tensor(name);
    const kind = blockFormatOf(view)?.name ?? view.dtype;
    const { tensors: count, bytes } = counts.get(kind) ?? { tensors: 0, bytes: 0 };
    counts.set(kind, { tensors: count + 1, bytes: bytes + storedBytes(view) });
  }
  return Object.fromEntries(counts);
}

/** Opens a checkpoint, passes its headers to `look`, and closes it. */
export async function withTensors<T>(
  { source, file }: { readonly source: CheckpointSource; readonly file: ConfigFile },
  look: (tensors: TensorSource) => T | Promise<T>,
  fetching: FetchOptions = {},
): Promise<T> {
  const tensors = await openWeights(source, file, fetching);
  try {
    return await look(tensors);
  } finally {
    await tensors.close();
  }
}
