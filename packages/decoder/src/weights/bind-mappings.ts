/** Mappings bound to the parameters of a module: full names, and the required shapes of tensors on disk. */
import type { Module, Param } from "@mixtape/layers";
import type { Dtype } from "@mixtape/safetensors";
import { DecoderError } from "../errors.js";
import type { Bundle, Shape } from "./operations.js";
import type { ConvertMapping, WeightMapping, WeightSource } from "./weight-mapping.js";

/** Parameters that are loaded and saved together. */
export interface BoundWeights {
  readonly params: readonly Param[];
  /** The first is written, all are read. */
  readonly sources: readonly [BoundSource, ...BoundSource[]];
}

/** Tensors on disk that hold parameters. */
export interface BoundSource extends WeightSource {
  /** For each tensor or pattern, the names on disk, and the required shape of each. */
  readonly files: readonly Bundle<{ readonly name: string; readonly shape: Shape }>[];
  /** Shapes at the start, after each step, and at the end. */
  readonly shapes: readonly (readonly Bundle<Shape>[])[];
}

/**
 * Finds the tensors on disk of all parameters of a module.
 * @throws {DecoderError} if two mappings apply to one parameter, two parameters would be written as one tensor, or a
 *   mapping does not fit the shapes of its parameters
 */
export function bindMappings(module: Module, mappings: readonly WeightMapping[]): BoundWeights[] {
  const params = new Map(module.namedParameters());
  const bound: BoundWeights[] = [];
  const done = new Set<string>();
  const writtenBy = new Map<string, string>();
  for (const [name, param] of params) {
    if (done.has(name)) continue;
    const { names, sources } = sourcesOf(name, mappings);
    const group = names.map((one) => (one === name ? param : params.get(one)));
    const missing = names[group.indexOf(undefined)];
    if (missing !== undefined)
      throw new DecoderError({
        where: "names",
        expected: `a parameter ${missing} beside ${name}, as both are stored together on disk`,
        got: "none",
      });
    const all = group as Param[];
    const one = { params: all, sources: sources.map((source) => bindSource(source, names, all)) } as unknown;
    bound.push(one as BoundWeights);
    for (const member of names) done.add(member);
    for (const { name: file } of (one as BoundWeights).sources[0].files.flat()) {
      const other = writtenBy.get(file);
      if (other !== undefined)
        throw new DecoderError({
          where: "names",
          expected: `a separate tensor for ${name}`,
          got: `${file}, which holds ${other}`,
        });
      writtenBy.set(file, name);
    }
  }
  return bound;
}

/**
 * Returns the tensors on disk of a parameter, with full names, and the parameters that they contain besides it.
 * @throws {DecoderError} if two mappings apply to it
 */
export function sourcesOf(
  name: string,
  mappings: readonly WeightMapping[],
): { readonly names: readonly string[]; readonly sources: readonly [WeightSource, ...WeightSource[]] } {
  const found = mappings.flatMap((mapping) => {
    if (mapping.kind !== "convert") return [];
    const end = mapping.params.find((param) => name === param || name.endsWith(`.${param}`));
    return end === undefined ? [] : [{ mapping, prefix: name.slice(0, name.length - end.length) }];
  });
  onlyOne(
    name,
    found.map(({ mapping }) => `convert(${mapping.params.join(", ")})`),
  );
  const [{ mapping, prefix }] = found[0] ? [found[0]] : [{ mapping: asItIs(name), prefix: "" }];
  const sources = mapping.sources.flatMap((source) => {
    const tensors = source.tensors.map((tensor) => renamed(prefix + tensor, mappings));
    // Tensors of one source are in one part of the tree: they are renamed alike.
    return tensors[0]!.map((_, i) => ({ ...source, tensors: tensors.map((names) => names[i] ?? names[0]!) }));
  });
  return {
    names: mapping.params.map((param) => prefix + param),
    sources: sources as readonly WeightSource[] as [WeightSource],
  };
}

/** Whether a mapping ignores a tensor of that name. */
export function ignoredBy(mappings: readonly WeightMapping[]): (name: string) => boolean {
  return likeAny(mappings.flatMap((mapping) => (mapping.kind === "ignore" ? [mapping.pattern] : [])));
}

/** Whether a tensor of that name is saved in float32 when a model is saved in that dtype. */
export function keptFloat32By(mappings: readonly WeightMapping[], dtype: Dtype): (name: string) => boolean {
  return likeAny(
    mappings.flatMap((mapping) =>
      mapping.kind === "keepFloat32" && mapping.insteadOf.includes(dtype) ? [mapping.pattern] : [],
    ),
  );
}

function likeAny(patterns: readonly string[]): (name: string) => boolean {
  const parts = patterns.map((pattern) => pattern.split("*").map(escaped).join(".*"));
  const all = new RegExp(`^(?:${parts.join("|")})$`, "s");
  return (name) => patterns.length > 0 && all.test(name);
}

function asItIs(name: string): ConvertMapping {
  return { kind: "convert", params: [name], sources: [{ tensors: [name], operations: [] }] };
}

/** Returns the names of a tensor on disk after renaming parts of its path. */
function renamed(name: string, mappings: readonly WeightMapping[]): readonly string[] {
  const found = mappings.flatMap((mapping) => {
    if (mapping.kind !== "rename") return [];
    const at = `.${name}`.indexOf(`.${mapping.part}.`);
    if (at < 0) return [];
    const rest = name.slice(at + mapping.part.length);
    return [{ part: mapping.part, names: mapping.disk.map((disk) => name.slice(0, at) + disk + rest) }];
  });
  onlyOne(
    name,
    found.map(({ part }) => `rename(${part}.*)`),
  );
  return (found[0]?.names ?? [name]).map((one) => prefixed(one, mappings));
}

/** Returns the name of a parameter or module with its prefix on disk and in transformers' memory. */
export function prefixed(name: string, mappings: readonly WeightMapping[]): string {
  for (const mapping of mappings) {
    if (mapping.kind !== "prefix" || !name.startsWith(`${mapping.memory}.`)) continue;
    const rest = name.slice(mapping.memory.length + 1);
    return mapping.disk === "" ? rest : `${mapping.disk}.${rest}`;
  }
  return name;
}

function onlyOne(name: string, found: readonly string[]): void {
  if (found.length < 2) return;
  throw new DecoderError({ where: "names", expected: `one mapping for ${name}`, got: found.join(" and ") });
}

/** @throws {DecoderError} if no tensors on disk could become parameters of these shapes */
function bindSource(source: WeightSource, names: readonly string[], params: readonly Param[]): BoundSource {
  const shapes: (readonly Bundle<Shape>[])[] = [params.map(({ shape }) => [shape])];
  for (const operation of source.operations.toReversed()) {
    const before = operation.shapes(shapes[0]!);
    if (!before)
      throw new DecoderError({
        where: `names: ${names.join(", ")}`,
        expected: `shapes that ${operation.name} gives`,
        got: shapes[0]!.map((bundle) => `[${bundle[0]}]`).join(", "),
      });
    shapes.unshift(before);
  }
  const files = source.tensors.map((tensor, i) =>
    shapes[0]![i]!.map((shape, index) => ({ name: tensor.replace("*", String(index)), shape })),
  );
  return { ...source, files, shapes };
}

function escaped(text: string): string {
  return text.replace(/[.\\+^$()[\]{}|?]/g, "\\$&");
}
