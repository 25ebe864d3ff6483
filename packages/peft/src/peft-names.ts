import type { Adapter } from "./adapter.js";
import { Dora } from "./methods/dora.js";
import type { Piece } from "./piece.js";
import type { Site } from "./site.js";
import { type Stored, type StoredParam, whole } from "./stored.js";

const PREFIX = "base_model.model.";

/** Whether the tensors of routed experts lie together, as transformers 5 holds them, or one by one, as before. */
export type ExpertLayout = "fused" | "apart";

/** The tensors of a LoRA or DoRA adapter in the names of Hugging Face peft. */
export function peftTensors(adapter: Adapter, layout: ExpertLayout): StoredParam[] {
  const sites = [...adapter.pieces.keys()];
  return [...adapter.pieces].flatMap(([site, piece]) => {
    if (site.matrices === 1) return ofModule(PREFIX + site.peftModule, piece);
    if (layout === "apart" && site.perExpert) return apart(PREFIX + site.perExpert, site, piece);
    return fused(PREFIX + wrapperOf(site, sites), site, piece);
  });
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

function ofModule(name: string, piece: Piece): StoredParam[] {
  const stored = [whole(`${name}.lora_A.weight`, piece.loraA), whole(`${name}.lora_B.weight`, piece.loraB)];
  return piece instanceof Dora ? [...stored, whole(`${name}.lora_magnitude_vector`, piece.magnitude)] : stored;
}

/** A `[E·r, in]`, expert by expert; B `[out, r·E]`, whose columns go through the experts first. */
function fused(name: string, { matrices, outFeatures, inFeatures }: Site, piece: Piece): StoredParam[] {
  const { rank } = piece.options;
  const columns = rank * matrices;
  const at = (i: number): number => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return ((column % matrices) * outFeatures + row) * rank + Math.floor(column / matrices);
  };
  const stored = [
    whole(`${name}.lora_A.weight`, piece.loraA, [matrices * rank, inFeatures]),
    { param: piece.loraB, tensors: [{ name: `${name}.lora_B.weight`, shape: [outFeatures, columns], at }] },
  ];
  return piece instanceof Dora ? [...stored, whole(`${name}.lora_magnitude_vector`, piece.magnitude)] : stored;
}

/** One tensor per expert. */
function apart(pattern: string, { matrices, outFeatures, inFeatures }: Site, piece: Piece): StoredParam[] {
  const { rank } = piece.options;
  const slices = (end: string, shape: readonly number[]): Stored[] => {
    const size = shape.reduce((product, n) => product * n, 1);
    return Array.from({ length: matrices }, (_, e) => ({
      name: `${pattern.replace("*", String(e))}.${end}`,
      shape,
      at: (i) => e * size + i,
    }));
  };
  const stored = [
    { param: piece.loraA, tensors: slices("lora_A.weight", [rank, inFeatures]) },
    { param: piece.loraB, tensors: slices("lora_B.weight", [outFeatures, rank]) },
  ];
  if (!(piece instanceof Dora)) return stored;
  return [...stored, { param: piece.magnitude, tensors: slices("lora_magnitude_vector", [outFeatures]) }];
}
