import { checkOptions, checkOptionTypes, type OptionNames } from "@mixtape/errors";
import type { Module, Param } from "@mixtape/layers";
import { stackViews, type WeightView } from "@mixtape/ops";
import { type TensorSource, type TensorView, toFloat32 } from "@mixtape/safetensors";
import { CheckpointError } from "./errors.js";
import { type NameRule, namesAt, type Place, placesOf } from "./names.js";

/** How a model is filled from a checkpoint. */
export interface LoadOptions {
  /** Called after each parameter, with bytes of the checkpoint. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops between two parameters; the model is disposed. */
  readonly signal?: AbortSignal;
  /** Whether to look for NaN and infinities, and name the tensor that has one. It costs a pass over each tensor. */
  readonly checkFinite?: boolean;
  /**
   * Keys of `config.json` that nothing here knows and that do not change what the model computes, which are errors otherwise; and
   * keys of `generation_config.json` to load without.
   */
  readonly ignore?: readonly string[];
}

/** What loading may be told, by name: for `checkOptions` of whoever passes it on. */
export const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  onProgress: true,
  signal: true,
  checkFinite: true,
  ignore: true,
};

/**
 * Checks options of loading, by name and by type.
 * @throws {OptionError} for an option that loading does not know, or of another type than its own
 */
export function checkLoadOptions(where: string, options: LoadOptions): void {
  checkOptions(where, options, LOAD_OPTIONS);
  checkOptionTypes(where, options, {
    onProgress: "function",
    signal: "signal",
    checkFinite: "boolean",
    ignore: "strings",
  });
}

/** How far loading is. */
export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/**
 * Fills every parameter of a module, one at a time, each byte read once.
 *
 * Strict: it compares names and shapes before it reads any values.
 * @param ignored names on disk that may be there without a parameter.
 * @throws {OptionError} for an option that it does not know
 * @throws {CheckpointError} listing all missing, unexpected and wrongly shaped tensors.
 */
export async function loadParameters(
  module: Module,
  source: TensorSource,
  rules: readonly NameRule[],
  options: LoadOptions & LoadContext = {},
): Promise<void> {
  checkOptions("loadParameters", options, { ...LOAD_OPTIONS, where: true, ignored: true });
  const { onProgress, signal, checkFinite = false, where = "checkpoint", ignored = [] } = options;
  const { jobs, faults } = matchParameters(module, source, rules, ignored);
  refuse(faults, where);
  const totalBytes = jobs.reduce((sum, { view }) => sum + byteLength(view), 0);
  let loadedBytes = 0;
  try {
    for (const { param, view } of jobs) {
      signal?.throwIfAborted();
      await param.load(checkFinite ? mapView(view, finite) : view);
      loadedBytes += byteLength(view);
      onProgress?.({ loadedBytes, totalBytes });
    }
  } catch (error) {
    module.dispose();
    throw error;
  }
}

/** What {@link loadParameters} is told by the model that it fills. */
export interface LoadContext {
  /** What the checkpoint is called in errors. */
  readonly where?: string;
  readonly ignored?: readonly string[];
}

/** How a checkpoint differs from what a model asks for. All lists are empty where it does not. */
export interface TensorFaults {
  /** Names on disk of tensors that are not there. */
  readonly missing: readonly string[];
  /** Those of tensors that no parameter is loaded from. */
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

/**
 * Compares names and shapes of a checkpoint with those that the parameters of a module ask for. No tensor is read.
 * @param ignored names on disk that may be there without a parameter
 */
export function compareTensors(
  module: Module,
  source: TensorSource,
  rules: readonly NameRule[],
  ignored: readonly string[] = [],
): TensorFaults {
  return matchParameters(module, source, rules, ignored).faults;
}

interface Job {
  readonly param: Param;
  readonly view: WeightView;
}

function matchParameters(
  module: Module,
  source: TensorSource,
  rules: readonly NameRule[],
  ignored: readonly string[],
): { jobs: Job[]; faults: TensorFaults } {
  const jobs: Job[] = [];
  const missing = new Set<string>();
  const misshaped = new Map<string, MisshapedTensor>();
  const used = new Set<string>(ignored);
  for (const [name, param] of module.namedParameters()) {
    const places = placesOf(name, rules);
    const count = param.shape[0]!;
    const place = places.find((place) => namesAt(place, count).some((n) => source.has(n))) ?? places[0];
    const names = namesAt(place, count);
    const expected = shapeAt(place, param);
    let fits = true;
    for (const n of names) {
      used.add(n);
      const shape = source.has(n) ? source.tensor(n).shape : undefined;
      if (shape?.join() === expected.join()) continue;
      fits = false;
      if (shape) misshaped.set(n, { name: n, shape, expected });
      else missing.add(n);
    }
    if (fits) jobs.push({ param, view: viewAt(place, names, source) });
  }
  const unexpected = source.names.filter((name) => !used.has(name));
  return { jobs, faults: { missing: [...missing], unexpected, misshaped: [...misshaped.values()] } };
}

/** @throws {CheckpointError} where there are any. */
function refuse({ missing, unexpected, misshaped }: TensorFaults, where: string): void {
  const faults = [
    ...missing.map((name) => `missing ${name}`),
    ...misshaped.map(({ name, shape, expected }) => `${name} is [${shape}] and should be [${expected}]`),
    ...unexpected.map((name) => `unexpected ${name}`),
  ];
  if (faults.length === 0) return;
  throw new CheckpointError({
    where,
    expected: "the tensors that its config asks for",
    got: `${faults.length} ${faults.length === 1 ? "fault" : "faults"}:\n  ${faults.join("\n  ")}\n`,
    fix: "The checkpoint is incomplete, or its config belongs to another",
  });
}

/** The shape on disk of a tensor that lies at a place. */
function shapeAt(place: Place, { shape }: Param): readonly number[] {
  if (place.kind === "stack") return shape.slice(1);
  return place.kind === "part" ? shape.map((n, axis) => (axis === 1 ? n * place.of : n)) : shape;
}

function viewAt(place: Place, names: readonly string[], source: TensorSource): WeightView {
  const [first, ...rest] = names.map((name) => source.tensor(name)) as [TensorView, ...TensorView[]];
  if (place.kind === "stack") return stackViews([first, ...rest]);
  if (place.kind === "tensor") return first;
  const [count, rows] = first.shape as [number, number];
  const height = rows / place.of;
  const cut = (i: number): TensorView => first.at(i).slice(place.part * height, (place.part + 1) * height);
  return stackViews(Array.from({ length: count }, (_, i) => cut(i)));
}

function byteLength(view: WeightView): number {
  return "views" in view ? view.views.reduce((sum, v) => sum + v.byteLength, 0) : view.byteLength;
}

function mapView(view: WeightView, f: (view: TensorView) => TensorView): WeightView {
  return "views" in view ? { ...view, views: view.views.map(f) } : f(view);
}

/** The view, but reading it throws where a value is not finite. */
function finite(view: TensorView): TensorView {
  return {
    name: view.name,
    dtype: view.dtype,
    shape: view.shape,
    byteLength: view.byteLength,
    async read() {
      const bytes = await view.read();
      const values = toFloat32(bytes, view.dtype);
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0)
        throw new CheckpointError({
          where: view.name,
          expected: "finite numbers",
          got: `${values[bad]} at element ${bad} of [${view.shape}]`,
          fix: "The checkpoint is damaged, or training diverged before it was saved",
        });
      return bytes;
    },
    slice: (start, end) => finite(view.slice(start, end)),
    at: (index) => finite(view.at(index)),
  };
}
