import type { WeightPlacement } from "@mixtape/decoder";
import { availableMemory, type MemoryLimit } from "@mixtape/engine";

/** Part of the free memory that is left for caches, activations and everything else, and the least of it in bytes. */
const SPARE = { share: 0.05, bytes: 256 * 2 ** 20 };

/** A limit, and whether an option set it. */
export interface WeightLimit extends MemoryLimit {
  readonly isOption: boolean;
}

/** Routed experts that stay in their files and do not all fit into memory. */
export interface PartialExperts {
  readonly bytes: number;
  /** Of them, what is kept in memory. */
  readonly keptBytes: number;
  /** Bytes of them that a token reads. */
  readonly bytesPerToken: number;
  /** Of those, what comes from the disk if every expert is used as often. Fewer, if some are used more than others. */
  readonly diskBytesPerToken: number;
  /** Limit of the memory. */
  readonly why: string;
}

/** Returns the memory that weights may take: as an option says, else what is free, if the system tells; browsers do not. */
export function weightLimit(memory?: number): WeightLimit | null {
  if (memory !== undefined) return { bytes: memory, why: "the limit that was set", isOption: true };
  const free = availableMemory();
  return free && { ...free, isOption: false };
}

/** Returns the memory for routed experts: what other weights leave of the limit. Of free memory, something is spared. */
export function expertRoom({ heldBytes, mappedBytes }: WeightPlacement, { bytes, isOption }: WeightLimit): number {
  const spared = isOption ? 0 : Math.max(SPARE.bytes, SPARE.share * bytes);
  return Math.max(0, Math.floor(bytes - spared - heldBytes - mappedBytes));
}

/** Returns what is kept of experts that do not all fit; null if they do. */
export function partialExperts(placement: WeightPlacement, limit: WeightLimit): PartialExperts | null {
  const { mappedExpertBytes: bytes, expertBytesPerToken: bytesPerToken } = placement;
  const keptBytes = expertRoom(placement, limit);
  if (keptBytes >= bytes) return null;
  return {
    bytes,
    keptBytes,
    bytesPerToken,
    diskBytesPerToken: (1 - keptBytes / bytes) * bytesPerToken,
    why: limit.why,
  };
}

/** Describes experts that do not all fit, in one sentence. */
export function aboutPartialExperts({
  bytes,
  keptBytes,
  bytesPerToken,
  diskBytesPerToken,
  why,
}: PartialExperts): string {
  return (
    `of ${size(bytes)} of routed experts ${size(keptBytes)} fit into memory (${why}). Each token reads ${size(bytesPerToken)} of them, up to ` +
    `${size(diskBytesPerToken)} of that from the disk: less, the more some experts are used than others`
  );
}

function size(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(0)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
