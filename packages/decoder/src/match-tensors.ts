import type { Module, Param } from "@mixtape/layers";
import { stackViews, type WeightView } from "@mixtape/ops";
import type { TensorSource, TensorView } from "@mixtape/safetensors";
import { CheckpointNames } from "./checkpoint-names.js";
import { type NameRule, namesAt, type Place, placesOf } from "./names.js";
import { sameDtype } from "./same-dtype.js";

/** How a checkpoint differs from what a model asks for. All lists are empty where it loads. */
export interface TensorFaults {
  /** Names on disk of tensors that are not there. */
  readonly missing: readonly string[];
  /**
   * Those of tensors that would change what a parameter is: experts beyond the config's, a second spelling of a
   * parameter, scales of quantised weights.
   */
  readonly unexpected: readonly string[];
  /** Those of another shape than is asked for. */
  readonly misshaped: readonly MisshapedTensor[];
}

/** A tensor of another shape than is asked for. */
export interface MisshapedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly expected: readonly number[];
}

/** What a checkpoint holds for a model, by names and shapes alone. */
export interface TensorMatch {
  readonly faults: TensorFaults;
  /** Names on disk that no parameter is loaded from, as transformers passes them over. */
  readonly unused: readonly string[];
  /** Names on disk that are read with the prefix `model.` put before them, or taken off. */
  readonly renamed: readonly string[];
  /** The parameters that are there as they should be, with where their values lie. */
  readonly jobs: readonly LoadJob[];
}

/** A parameter and its values on disk. */
export interface LoadJob {
  readonly param: Param;
  readonly view: WeightView;
}

/**
 * Compares names and shapes of a checkpoint with those that the parameters of a module ask for. No tensor is read.
 * @param ignored names on disk that may be there without a parameter, of which nothing is said
 */
export function matchTensors(
  module: Module,
  source: TensorSource,
  rules: readonly NameRule[],
  ignored: readonly string[] = [],
): TensorMatch {
  const wanted = [...module.namedParameters()].map(([name, param]) => ({ param, spots: spotsOf(name, param, rules) }));
  const all = wanted.flatMap(({ spots }) => spots.flatMap(({ names }) => names));
  const tensors = new CheckpointNames(source, new Set([...all, ...ignored]));
  const missing = new Set<string>();
  const misshaped = new Map<string, MisshapedTensor>();
  const used = new Set(ignored);
  const jobs: LoadJob[] = [];
  for (const { param, spots } of wanted) {
    const spot = spots.find(({ names }) => names.some((name) => tensors.has(name))) ?? spots[0]!;
    const expected = shapeAt(spot.place, param);
    let fits = true;
    for (const name of spot.names) {
      used.add(name);
      const shape = tensors.has(name) ? tensors.tensor(name).shape : undefined;
      if (shape?.join() === expected.join()) continue;
      fits = false;
      if (shape) misshaped.set(name, { name: tensors.onDisk(name), shape, expected });
      else missing.add(name);
    }
    if (fits) jobs.push({ param, view: viewAt(spot, tensors) });
  }
  const spare = [...tensors.names()].filter((name) => !used.has(name)).map((name) => tensors.onDisk(name));
  const isFault = suspicion(wanted.flatMap(({ spots }) => spots.map(({ place }) => place)));
  return {
    faults: {
      missing: [...missing],
      unexpected: [...spare, ...tensors.others.filter(isFault)],
      misshaped: [...misshaped.values()],
    },
    unused: tensors.others.filter((name) => !isFault(name)),
    renamed: tensors.renamed,
    jobs,
  };
}

/** One place of a parameter, with the names that it has there. */
interface Spot {
  readonly place: Place;
  readonly names: readonly string[];
}

function spotsOf(name: string, { shape }: Param, rules: readonly NameRule[]): Spot[] {
  return placesOf(name, rules).map((place) => ({ place, names: namesAt(place, shape[0]!) }));
}

/** What quantised checkpoints keep beside their weights: without it, the weights are other numbers. */
const QUANTISED =
  /\.(weight_scale(_inv|_2)?|weight_packed|input_scale|activation_scale|qweight|qzeros|scales|biases|g_idx|SCB|weight\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..+))$|_(scale_inv|blocks|scales)$/;

/** Whether a name says that the weights are quantised. */
export function isQuantised(name: string): boolean {
  return QUANTISED.test(name);
}

/** Experts that see every token: left out, the model computes other numbers. */
const SHARED_EXPERT = /^(?:model\.)?(.*layers\.\d+)\..*shared_experts?\./;

/** Tells names that must not be passed over: experts beyond the config's, and scales. */
function suspicion(places: readonly Place[]): (name: string) => boolean {
  const stacks = new Set(places.filter(({ kind }) => kind === "stack").map(({ name }) => name));
  const layers = new Set(places.map(({ name }) => /^(?:model\.)?(.*layers\.\d+)\./.exec(name)?.[1]));
  const isShared = (name: string): boolean => {
    const layer = SHARED_EXPERT.exec(name)?.[1];
    return layer !== undefined && layers.has(layer);
  };
  const isExpert = (name: string): boolean => {
    const parts = name.split(".");
    return parts.some(
      (part, i) => /^\d+$/.test(part) && stacks.has([...parts.slice(0, i), "*", ...parts.slice(i + 1)].join(".")),
    );
  };
  return (name) => isQuantised(name) || isShared(name) || isExpert(name) || isExpert(`model.${name}`);
}

/** The shape on disk of a tensor that lies at a place. */
function shapeAt(place: Place, { shape }: Param): readonly number[] {
  if (place.kind === "stack") return shape.slice(1);
  return place.kind === "part" ? shape.map((n, axis) => (axis === 1 ? n * place.of : n)) : shape;
}

function viewAt({ place, names }: Spot, tensors: CheckpointNames): WeightView {
  const views = names.map((name) => tensors.tensor(name));
  if (place.kind === "stack") return stackViews(sameDtype(views));
  const [first] = views as [TensorView];
  if (place.kind === "tensor") return first;
  const [count, rows] = first.shape as [number, number];
  const height = rows / place.of;
  const cut = (i: number): TensorView => first.at(i).slice(place.part * height, (place.part + 1) * height);
  return stackViews(Array.from({ length: count }, (_, i) => cut(i)));
}
