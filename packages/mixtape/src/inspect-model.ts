import {
  type CausalLM,
  type LoadOptions,
  type ModelSummary,
  readConfig,
  summarize,
  weightBytes,
} from "@mixtape/decoder";
import { type EngineName, knownEngines } from "@mixtape/engine";
import { chooseStrategy, type ExpertsStrategy, storageOf } from "@mixtape/ops";
import { type CheckpointSource, type Dtype, openCheckpoint } from "@mixtape/safetensors";
import { familyOf } from "./families.js";

/** What a checkpoint is, from its config and headers alone. */
export interface ModelInspection extends ModelSummary {
  /** How many tensors of each dtype the files hold, and how many bytes those take. */
  readonly dtypes: Readonly<Partial<Record<Dtype, { readonly tensors: number; readonly bytes: number }>>>;
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
 * Looks at a checkpoint without loading it: no tensor is read, no engine is prepared.
 * @param options.ignore as for {@link loadModel}
 * @throws as {@link loadModel} for folders that hold no checkpoint of a known family.
 */
export async function inspectModel(
  source: CheckpointSource,
  { ignore }: Pick<LoadOptions, "ignore"> = {},
): Promise<ModelInspection> {
  const { json, where } = await readConfig(source);
  const Family = familyOf(json.model_type, where);
  const model = new Family(Family.config.parse(json, { file: where, ignore }));
  const summary = summarize(model);
  const dtypes = await countDtypes(source);
  const engines = (await knownEngines()).map(
    (name) => [name, needsOf(model, summary, name, mainDtype(dtypes))] as const,
  );
  return {
    ...summary,
    dtypes,
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

/** How many tensors of each dtype the files of a checkpoint hold. Reads their headers. */
export async function countDtypes(source: CheckpointSource): Promise<ModelInspection["dtypes"]> {
  const counts: Partial<Record<Dtype, { tensors: number; bytes: number }>> = {};
  const tensors = await openCheckpoint(source);
  try {
    for (const name of tensors.names) {
      const { dtype, byteLength } = tensors.tensor(name);
      counts[dtype] ??= { tensors: 0, bytes: 0 };
      counts[dtype].tensors++;
      counts[dtype].bytes += byteLength;
    }
  } finally {
    await tensors.close();
  }
  return counts;
}
