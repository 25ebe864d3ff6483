import { blockFormatOf, type LoadJob, storedBytes } from "@mixtape/decoder";
import type { BlockFormat, TensorView } from "@mixtape/safetensors";

/** Kinds of weights, as quantisers treat them. */
export type WeightKind =
  | "embedding"
  | "attention"
  | "router"
  | "experts"
  | "shared experts"
  | "dense"
  | "norms"
  | "head"
  | "other";

/** Tensors that are stored alike. */
export interface StoredWeights {
  /** Number of tensors; a quantised one counts once. */
  readonly tensors: number;
  /** Number of values. */
  readonly weights: number;
  /** Bytes in the files. */
  readonly bytes: number;
}

/** Storage of each kind of weights in the files: by dtype, or by format and bits, such as `gptq (4 bit)`. */
export type WeightsByKind = Readonly<Partial<Record<WeightKind, Readonly<Record<string, StoredWeights>>>>>;

/** Sums the tensors of a checkpoint by kind and format. */
export function weightsByKind(jobs: readonly LoadJob[]): WeightsByKind {
  const kinds = new Map<WeightKind, Map<string, StoredWeights>>();
  const seen = new Set<string>();
  for (const { name, stored } of jobs)
    for (const view of stored) {
      // One tensor may hold several parameters.
      if (seen.has(view.name)) continue;
      seen.add(view.name);
      const kind = kindOf(name);
      const formats = kinds.get(kind) ?? new Map<string, StoredWeights>();
      kinds.set(kind, formats);
      const format = storedAs(view);
      const { tensors, weights, bytes } = formats.get(format) ?? { tensors: 0, weights: 0, bytes: 0 };
      formats.set(format, {
        tensors: tensors + 1,
        weights: weights + view.shape.reduce((product, size) => product * size, 1),
        bytes: bytes + storedBytes(view),
      });
    }
  const sorted = ORDER.flatMap((kind) => {
    const formats = kinds.get(kind);
    return formats ? [[kind, Object.fromEntries(formats)] as const] : [];
  });
  return Object.fromEntries(sorted);
}

/** Parts of names in memory by which a kind is known; the first that occurs counts. */
const KINDS: readonly (readonly [RegExp, WeightKind])[] = [
  [/norm\.(weight|bias)$/, "norms"],
  [/(^|\.)embed_tokens\./, "embedding"],
  [/\.router\./, "router"],
  [/\.experts\./, "experts"],
  [/\.shared_experts?(_gate)?\./, "shared experts"],
  [/attn\./, "attention"],
  [/\.mlp\./, "dense"],
  [/^(lm_head|score|classifier|qa_outputs)\./, "head"],
];

const ORDER: readonly WeightKind[] = [
  "embedding",
  "attention",
  "router",
  "experts",
  "shared experts",
  "dense",
  "norms",
  "head",
  "other",
];

function kindOf(name: string): WeightKind {
  return KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
}

function storedAs(view: TensorView): string {
  const format = blockFormatOf(view);
  return format ? labelOf(format) : view.dtype;
}

function labelOf({ name, parameters }: BlockFormat): string {
  return typeof parameters?.bits === "number" ? `${name} (${parameters.bits} bit)` : name;
}
