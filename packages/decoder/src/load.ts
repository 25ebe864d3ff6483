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
   * Keys of `config.json` and `generation_config.json` that nothing here knows and that do not change what the model computes.
   * An unknown key is an error otherwise.
   */
  readonly ignore?: readonly string[];
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
 * @throws {CheckpointError} listing all missing, unexpected and wrongly shaped tensors.
 */
export async function loadParameters(
  module: Module,
  source: TensorSource,
  rules: readonly NameRule[],
  { onProgress, signal, checkFinite = false, where = "checkpoint", ignored = [] }: LoadOptions & LoadContext = {},
): Promise<void> {
  const jobs = matchParameters(module, source, rules, where, ignored);
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

interface Job {
  readonly param: Param;
  readonly view: WeightView;
}

function matchParameters(
  module: Module,
  source: TensorSource,
  rules: readonly NameRule[],
  where: string,
  ignored: readonly string[],
): Job[] {
  const jobs: Job[] = [];
  const faults: string[] = [];
  const used = new Set<string>(ignored);
  for (const [name, param] of module.namedParameters()) {
    const places = placesOf(name, rules);
    const count = param.shape[0]!;
    const place = places.find((place) => namesAt(place, count).some((n) => source.has(n))) ?? places[0];
    const names = namesAt(place, count);
    for (const n of names) used.add(n);
    const missing = names.filter((n) => !source.has(n));
    const wrong = names.filter((n) => source.has(n)).flatMap((n) => shapeFault(source.tensor(n), place, param));
    faults.push(...missing.map((n) => `missing ${n}`), ...wrong);
    if (missing.length + wrong.length === 0) jobs.push({ param, view: viewAt(place, names, source) });
  }
  faults.push(...source.names.filter((name) => !used.has(name)).map((name) => `unexpected ${name}`));
  if (faults.length > 0)
    throw new CheckpointError({
      where,
      expected: "the tensors that its config asks for",
      got: `${faults.length} ${faults.length === 1 ? "fault" : "faults"}:\n  ${faults.join("\n  ")}\n`,
      fix: "The checkpoint is incomplete, or its config belongs to another",
    });
  return jobs;
}

function shapeFault(view: TensorView, place: Place, { shape }: Param): string[] {
  const expected =
    place.kind === "stack"
      ? shape.slice(1)
      : place.kind === "part"
        ? shape.map((n, axis) => (axis === 1 ? n * place.of : n))
        : shape;
  return expected.join() === view.shape.join() ? [] : [`${view.name} is [${view.shape}] and should be [${expected}]`];
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
