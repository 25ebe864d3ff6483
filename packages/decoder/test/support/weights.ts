import { Module, Param } from "@mixtape/layers";
import type { WeightRole } from "@mixtape/ops";
import { type Dtype, encodeSafetensors, fromFloat32, openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { loadParameters, tensorsToWrite, type WeightMapping } from "../../src/index.js";

/** A tensor by its shape and its values, row-major. */
export interface Values {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** Parameters by the names of their fields. */
export class Params extends Module {
  constructor(shapes: Readonly<Record<string, readonly number[] | Params>>) {
    super();
    const part = (shape: readonly number[] | Params): Param | Params =>
      shape instanceof Params ? shape : new Param(shape, ROLES[shape.length - 1]!);
    Object.assign(this, Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, part(shape)])));
  }
}

/** A module whose parameters have these names. */
export function paramsOf(shapes: Readonly<Record<string, readonly number[]>>): Params {
  const groups = new Map<string, Record<string, readonly number[]>>();
  const own: Record<string, readonly number[] | Params> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const [first = "", ...rest] = name.split(".");
    if (rest.length === 0) own[first] = shape;
    else groups.set(first, { ...groups.get(first), [rest.join(".")]: shape });
  }
  for (const [first, group] of groups) own[first] = paramsOf(group);
  return new Params(own);
}

const ROLES: readonly WeightRole[] = ["vector", "matrix", "stack"];

/** Values without a pattern, which every dtype holds exactly: so that what was mixed up shows. */
export function sample(shape: readonly number[], seed = 1): Values {
  const size = shape.reduce((all, n) => all * n, 1);
  return { shape, values: Array.from({ length: size }, (_, i) => ((i * 37 + seed * 101) % 255) / 64 - 2) };
}

/** A file with these tensors. */
export async function fileOf(tensors: Readonly<Record<string, Values>>, dtype: Dtype = "F32"): Promise<Uint8Array> {
  return encodeSafetensors(
    Object.entries(tensors).map(([name, { shape, values }]) => ({
      name,
      dtype,
      shape,
      bytes: fromFloat32(Float32Array.from(values), dtype),
    })),
  );
}

/** What is in a file, by name. */
export async function contentsOf(
  file: Uint8Array,
): Promise<Record<string, { dtype: Dtype; shape: number[]; bytes: number[] }>> {
  const source = await openSafetensors(file);
  const all: Record<string, { dtype: Dtype; shape: number[]; bytes: number[] }> = {};
  for (const name of [...source.names].sort()) {
    const { dtype, shape, read } = bound(source.tensor(name));
    all[name] = { dtype, shape: [...shape], bytes: [...(await read())] };
  }
  return all;
}

function bound(view: { dtype: Dtype; shape: readonly number[]; read(): Promise<Uint8Array> }) {
  return { dtype: view.dtype, shape: view.shape, read: () => view.read() };
}

/** Fills a module from a file. */
export async function load(module: Module, file: Uint8Array, mappings: readonly WeightMapping[]): Promise<void> {
  await loadParameters(module, await openSafetensors(file), mappings, { onWarning: () => undefined });
}

/** The file that a module is saved as. */
export async function save(module: Module, mappings: readonly WeightMapping[], dtype?: Dtype): Promise<Uint8Array> {
  return encodeSafetensors([...tensorsToWrite(module, mappings, dtype)]);
}

/** The values of a module's parameters, by name. */
export async function valuesOf(module: Module): Promise<Record<string, number[]>> {
  const all: Record<string, number[]> = {};
  for (const { name, bytes } of tensorsToWrite(module, [], "F32"))
    all[name] = [...toFloat32(await (bytes as () => Promise<Uint8Array>)(), "F32")];
  return all;
}

/** The tensor of that shape whose element at an index is `at(index)`. */
export function fill(shape: readonly number[], at: (...index: number[]) => number): Values {
  const values: number[] = [];
  const walk = (index: readonly number[]): void => {
    if (index.length === shape.length) values.push(at(...index));
    else for (let i = 0; i < shape[index.length]!; i++) walk([...index, i]);
  };
  walk([]);
  return { shape, values };
}

/** The element of a tensor at an index. */
export function element({ shape, values }: Values, ...index: number[]): number {
  return values[index.reduce((at, i, axis) => at * shape[axis]! + i, 0)]!;
}
