import type { Adapter } from "../adapter/adapter.js";
import type { Piece } from "../layers/adapter-layer.js";
import type { CopiedParam } from "../layers/copied-param.js";
import { Dora } from "../layers/dora.js";
import type { ExpertLayout, Site } from "../targets/target-module.js";
import { type Stored, type StoredParam, whole } from "./adapter-tensors.js";

/** Begins the names of all tensors of an adapter in Hugging Face peft. */
export const PREFIX = "base_model.model.";

/** The name of a module or tensor, and what else it may be called. */
type Names = readonly [string, ...string[]];

/** The tensors of a LoRA or DoRA adapter in the names of Hugging Face peft. */
export function peftTensors(adapter: Adapter, layout: ExpertLayout): StoredParam[] {
  const sites = [...adapter.pieces.keys()];
  return [...adapter.pieces].flatMap(([site, piece]) => {
    const names = modulesOf(site, layout, sites);
    if (site.kind === "embedding") return ofEmbedding(names, site, piece);
    if (site.kind !== "experts") return ofModule(names, piece);
    return isApart(site, layout) ? apart(names, site, piece) : fused(names, site, piece);
  });
}

/** The tensors of an adapter's copies of the model's parameters. */
export function copyTensors({ copies }: Adapter): StoredParam[] {
  const params = new Map(copies.map(({ copy, param }) => [copy, param]));
  return [...params].map(([copy, from]) => ({
    param: copy,
    from,
    tensors: copies.flatMap((found) => (found.copy === copy && found.file !== null ? [ofCopy(found, found.file)] : [])),
  }));
}

function ofCopy({ copy, rows }: CopiedParam, file: string): Stored {
  const name = PREFIX + file;
  if (!rows) return { name, shape: copy.shape, at: (i) => i };
  const width = copy.shape.at(-1)!;
  return { name, shape: [rows.length, width], at: (i) => rows[Math.floor(i / width)]! * width + (i % width) };
}

/**
 * The names of the modules that hold a target's tensors, `*` in place of an expert where each has its own.
 * @param sites all targets of the adapter
 */
export function modulesOf(site: Site, layout: ExpertLayout, sites: readonly Site[]): Names {
  const names: Names = isApart(site, layout)
    ? [site.perExpert!, ...site.perExpertAliases]
    : site.kind !== "experts"
      ? [site.peftModule, ...site.peftAliases]
      : [wrapperOf(site, sites)];
  return mapNames(names, (name) => PREFIX + name);
}

function isApart({ kind, perExpert }: Site, layout: ExpertLayout): boolean {
  return kind === "experts" && layout === "apart" && perExpert !== null;
}

/**
 * peft wraps the module once for each of its parameters, `gate_up_proj` first: what is wrapped is called `base_layer` in what
 * wraps it.
 */
function wrapperOf(site: Site, sites: readonly Site[]): string {
  const isInner =
    site.name.endsWith(".gate_up_proj") && sites.some((other) => isDown(other) && sameModule(other, site));
  return isInner ? `${site.peftModule}.base_layer` : site.peftModule;
}

function isDown({ name }: Site): boolean {
  return name.endsWith(".down_proj");
}

function sameModule(a: Site, b: Site): boolean {
  return a.feedForward === b.feedForward;
}

/** A `[r, V]`, the other way round than the table in memory, and B `[M, r]`; neither is the weight of a module. */
function ofEmbedding(names: Names, { inFeatures }: Site, piece: Piece): StoredParam[] {
  const { rank } = piece.options;
  const at = (i: number): number => (i % inFeatures) * rank + Math.floor(i / inFeatures);
  const [name] = ending(names, "lora_embedding_A");
  const stored = [
    { param: piece.loraA, tensors: [{ name, shape: [rank, inFeatures], at }] },
    whole(ending(names, "lora_embedding_B"), piece.loraB),
  ];
  return piece instanceof Dora ? [...stored, whole(ending(names, "lora_magnitude_vector"), piece.magnitude)] : stored;
}

function ofModule(names: Names, piece: Piece): StoredParam[] {
  const stored = [
    whole(ending(names, "lora_A.weight"), piece.loraA),
    whole(ending(names, "lora_B.weight"), piece.loraB),
    ...(piece.loraBias ? [whole(ending(names, "lora_B.bias"), piece.loraBias)] : []),
  ];
  return piece instanceof Dora ? [...stored, whole(ending(names, "lora_magnitude_vector"), piece.magnitude)] : stored;
}

/** A `[E·r, in]`, expert by expert; B `[out, r·E]`, whose columns go through the experts first. */
function fused(names: Names, { matrices, outFeatures, inFeatures }: Site, piece: Piece): StoredParam[] {
  const { rank } = piece.options;
  const columns = rank * matrices;
  const at = (i: number): number => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return ((column % matrices) * outFeatures + row) * rank + Math.floor(column / matrices);
  };
  const [name] = ending(names, "lora_B.weight");
  const stored = [
    whole(ending(names, "lora_A.weight"), piece.loraA, [matrices * rank, inFeatures]),
    { param: piece.loraB, tensors: [{ name, shape: [outFeatures, columns], at }] },
  ];
  return piece instanceof Dora ? [...stored, whole(ending(names, "lora_magnitude_vector"), piece.magnitude)] : stored;
}

/** One tensor per expert. */
function apart(names: Names, { matrices, outFeatures, inFeatures }: Site, piece: Piece): StoredParam[] {
  const { rank } = piece.options;
  const slices = (end: string, shape: readonly number[]): Stored[] => {
    const size = shape.reduce((product, n) => product * n, 1);
    return Array.from({ length: matrices }, (_, e) => {
      const [name, ...aliases] = mapNames(ending(names, end), (pattern) => pattern.replace("*", String(e)));
      return { name, aliases, shape, at: (i) => e * size + i };
    });
  };
  const stored = [
    { param: piece.loraA, tensors: slices("lora_A.weight", [rank, inFeatures]) },
    { param: piece.loraB, tensors: slices("lora_B.weight", [outFeatures, rank]) },
  ];
  if (!(piece instanceof Dora)) return stored;
  return [...stored, { param: piece.magnitude, tensors: slices("lora_magnitude_vector", [outFeatures]) }];
}

function ending(names: Names, end: string): Names {
  return mapNames(names, (name) => `${name}.${end}`);
}

function mapNames([first, ...rest]: Names, f: (name: string) => string): Names {
  return [f(first), ...rest.map(f)];
}
