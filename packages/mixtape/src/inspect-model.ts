import {
  type CausalLM,
  type LoadOptions,
  type ModelSummary,
  readConfig,
  summarize,
  type TensorFaults,
  weightBytes,
} from "@mixtape/decoder";
import { type EngineName, knownEngines } from "@mixtape/engine";
import { checkOptions } from "@mixtape/errors";
import { chooseStrategy, type ExpertsStrategy, storageOf } from "@mixtape/ops";
import { type CheckpointSource, type Dtype, openCheckpoint, type TensorSource } from "@mixtape/safetensors";
import { familyOf } from "./families.js";

/** What a checkpoint is, from its config and headers alone. */
export interface ModelInspection extends ModelSummary {
  /** How many tensors of each dtype the files hold, and how many bytes those take. */
  readonly dtypes: Readonly<Partial<Record<Dtype, { readonly tensors: number; readonly bytes: number }>>>;
  /** Tensors that are missing, that nothing asks for, or that have another shape than the config says: it loads where there are none. */
  readonly faults: TensorFaults;
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
 * Looks at a checkpoint without loading it: no tensor is read, no engine is prepared. What is wrong with its tensors is told, not
 * thrown.
 * @param options.ignore as for {@link loadModel}
 * @throws {OptionError} for an option that it does not know
 * @throws as {@link loadModel} for folders that hold no checkpoint of a known family.
 */
export async function inspectModel(
  source: CheckpointSource,
  options: Pick<LoadOptions, "ignore"> = {},
): Promise<ModelInspection> {
  checkOptions("inspectModel", options, { ignore: true });
  const { ignore } = options;
  const { json, where } = await readConfig(source);
  const Family = familyOf(json.model_type, where);
  const model = new Family(Family.config.parse(json, { file: where, ignore }));
  const summary = summarize(model);
  const { dtypes, faults } = await withTensors(source, (tensors) => ({
    dtypes: countDtypes(tensors),
    faults: model.compareTensors(tensors),
  }));
  const engines = (await knownEngines()).map(
    (name) => [name, needsOf(model, summary, name, mainDtype(dtypes))] as const,
  );
  return {
    ...summary,
    dtypes,
    faults,
    engines: Object.fromEntries(engines) as ModelInspection["engines"],
  };
}

function needsOf(model: CausalLM, { experts, layers }: ModelSummary, backend: EngineName, dtype: Dtype): EngineNeeds {
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
export async function withTensors<T>(source: CheckpointSource, look: (tensors: TensorSource) => T): Promise<T> {
  const tensors = await openCheckpoint(source);
  try {
    return look(tensors);
  } finally {
    await tensors.close();
  }
}
