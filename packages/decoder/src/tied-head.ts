/** Decides whether a head is tied: the file takes precedence over the config, as in transformers' `tie_weights`. */

import type { ConfigDefinition, DecoderConfig } from "@mixtape/config";
import { type Dtype, type TensorSource, type TensorView, toFloat32 } from "@mixtape/safetensors";
import { CheckpointNames } from "./checkpoint-names.js";
import type { OnWarning } from "./load-warning.js";
import { convert, from, ignore, type WeightMapping } from "./weights/weight-mapping.js";

const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";

/**
 * Names for a tied model: if the file has only the head, it is the embedding too; beside the embedding it is a copy.
 */
export const TIED_NAMES: readonly WeightMapping[] = [convert(EMBEDDING, from(EMBEDDING), from(HEAD)), ignore(HEAD)];

/**
 * Returns the config adjusted to the checkpoint: untied, with a warning, if it ties the head to the embedding and the
 * file has a different head.
 */
export async function settleHead<C extends DecoderConfig>(
  definition: ConfigDefinition<C, object>,
  config: C,
  source: TensorSource,
  { where, onWarning }: { readonly where: string; readonly onWarning: OnWarning },
): Promise<C> {
  if (!config.tieWordEmbeddings || !(await hasOwnHead(source))) return config;
  onWarning({
    kind: "untied-head",
    message: `${where}: tie_word_embeddings is true in config.json, but ${HEAD} differs from ${EMBEDDING}: the head of the file is used. Set tie_word_embeddings to false`,
    names: [HEAD],
  });
  return definition.with(config, { tieWordEmbeddings: false });
}

/**
 * Whether the checkpoint has a head that differs from its embedding. If both exist, both are read, up to the first
 * difference.
 */
async function hasOwnHead(source: TensorSource): Promise<boolean> {
  const tensors = new CheckpointNames(source, new Set([EMBEDDING, HEAD]));
  if (!tensors.has(EMBEDDING) || !tensors.has(HEAD)) return false;
  return !(await sameValues(tensors.tensor(EMBEDDING), tensors.tensor(HEAD)));
}

/** Bytes per read: differing weights differ early. */
const CHUNK_BYTES = 2 ** 22;

async function sameValues(a: TensorView, b: TensorView): Promise<boolean> {
  if (a.shape.join() !== b.shape.join()) return false;
  const [rows = 0] = a.shape;
  const step = Math.max(1, Math.floor((rows * CHUNK_BYTES) / Math.max(1, a.byteLength)));
  for (let row = 0; row < rows; row += step) {
    const end = Math.min(row + step, rows);
    const [x, y] = await Promise.all([a.slice(row, end).read(), b.slice(row, end).read()]);
    if (!(a.dtype === b.dtype ? sameBytes(x, y) : sameNumbers(x, a.dtype, y, b.dtype))) return false;
  }
  return true;
}

function sameBytes(x: Uint8Array, y: Uint8Array): boolean {
  if (x.length !== y.length) return false;
  // A vocabulary is large: compares four bytes at a time if aligned.
  if (x.byteOffset % 4 === 0 && y.byteOffset % 4 === 0 && x.length % 4 === 0) return sameItems(words(x), words(y));
  return sameItems(x, y);
}

function words({ buffer, byteOffset, length }: Uint8Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length / 4);
}

function sameItems(x: ArrayLike<number>, y: ArrayLike<number>): boolean {
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

function sameNumbers(x: Uint8Array, xType: Dtype, y: Uint8Array, yType: Dtype): boolean {
  return sameItems(toFloat32(x, xType), toFloat32(y, yType));
}
