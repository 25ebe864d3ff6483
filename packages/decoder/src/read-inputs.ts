import type { DecoderConfig } from "@mixtape/config";
import type { Cache } from "@mixtape/layers";
import type { DocumentIds, KeyPadding } from "@mixtape/ops";
import type { Tensor3D } from "@tensorflow/tfjs-core";
import { type Batch, type BatchInput, readBatch } from "./batch.js";
import { DecoderError } from "./errors.js";
import type { ModelInputs, TokenInputs } from "./forward.js";

/** Checked inputs of a forward pass. B rows, L new positions, P positions in the cache. */
export interface ReadInputs {
  /** `[B, L]`; null if tokens are embeddings. */
  readonly ids: Batch | null;
  /** `[B, L, M]`; null if tokens are ids. */
  readonly embeds: Tensor3D | null;
  readonly rows: number;
  readonly length: number;
  /** `[B, L]`, or `[1, L]` for all rows. */
  readonly positions: Batch;
  /** `[B, P + L]`; null if there is no padding. */
  readonly padding: KeyPadding | null;
  /** `[B, L]`; null if a row is one document. */
  readonly documentIds: DocumentIds | null;
}

/**
 * Reads the inputs of a model. Omitted positions and padding continue the cache's.
 * @throws {DecoderError} for ids outside the vocabulary, and for masks, positions or caches that do not fit the tokens.
 */
export function readInputs(inputs: ModelInputs, config: DecoderConfig): ReadInputs {
  const { cache } = inputs;
  const past = cache?.length ?? 0;
  const { ids, embeds } = readTokens(inputs, config);
  const [rows, length] = ids ? [ids.rows, ids.length] : [embeds!.shape[0], embeds!.shape[1]];
  if (cache && cache.rows > 0 && cache.rows !== rows)
    throw new DecoderError({
      where: "cache",
      expected: `a cache of ${rows} rows, as many as the inputs`,
      got: `${cache.rows}`,
      fix: "Use one cache per batch, or reorder it to the rows that continue",
    });
  return {
    ids,
    embeds,
    rows,
    length,
    positions: readPositions(inputs.positionIds, rows, length, cache),
    padding: readPadding(inputs.attentionMask, rows, past + length, cache),
    documentIds: readDocumentIds(inputs.documentIds, rows, length, past),
  };
}

function readTokens(
  { inputIds, inputsEmbeds }: TokenInputs,
  { vocabSize, hiddenSize }: DecoderConfig,
): Pick<ReadInputs, "ids" | "embeds"> {
  if (inputsEmbeds) {
    if (!inputIds && inputsEmbeds.shape[2] === hiddenSize) return { ids: null, embeds: inputsEmbeds };
    throw new DecoderError({
      where: "inputsEmbeds",
      expected: `[B, L, ${hiddenSize}], and no inputIds beside them`,
      got: `[${(inputsEmbeds as Tensor3D).shape}]${inputIds ? " and inputIds" : ""}`,
    });
  }
  if (!inputIds) throw new DecoderError({ where: "forward", expected: "inputIds or inputsEmbeds", got: "neither" });
  const ids = readBatch(inputIds, "inputIds");
  const outside = ids.values.findIndex((id) => id < 0 || id >= vocabSize);
  if (outside < 0) return { ids, embeds: null };
  throw new DecoderError({
    where: `inputIds[${Math.floor(outside / ids.length)}][${outside % ids.length}]`,
    expected: `a token id from 0 to ${vocabSize - 1}`,
    got: `${ids.values[outside]}`,
    fix: "The tokenizer may belong to another model",
  });
}

function readPositions(input: BatchInput | undefined, b: number, l: number, cache: Cache | undefined): Batch {
  if (input) {
    const batch = readBatch(input, "positionIds");
    if (batch.length === l && (batch.rows === 1 || batch.rows === b)) return batch;
    throw new DecoderError({
      where: "positionIds",
      expected: `${b} × ${l}, or 1 × ${l}`,
      got: `${batch.rows} × ${batch.length}`,
    });
  }
  const next = cache?.nextPositions ?? [];
  const first = next.every((position) => position === next[0]) ? next.slice(0, 1) : next;
  const starts = first.length > 0 ? first : [0];
  const values = Int32Array.from(starts.flatMap((start) => Array.from({ length: l }, (_, i) => start + i)));
  return { rows: starts.length, length: l, values };
}

function readPadding(
  input: BatchInput | undefined,
  b: number,
  positions: number,
  cache: Cache | undefined,
): KeyPadding | null {
  if (!input) return grown(cache?.padding ?? null, positions);
  const { rows, length, values } = readBatch(input, "attentionMask");
  if (rows !== b || length !== positions)
    throw new DecoderError({
      where: "attentionMask",
      expected: `${b} × ${positions}, tokens in the cache included`,
      got: `${rows} × ${length}`,
    });
  return values.includes(0) ? { rows, values: Uint8Array.from(values, (value) => (value === 0 ? 0 : 1)) } : null;
}

/** Returns the padding of a cache extended by new tokens without padding. */
function grown(padding: KeyPadding | null, positions: number): KeyPadding | null {
  if (!padding) return null;
  const { rows, values } = padding;
  const past = values.length / rows;
  const all = new Uint8Array(rows * positions).fill(1);
  for (let row = 0; row < rows; row++) all.set(values.subarray(row * past, (row + 1) * past), row * positions);
  return { rows, values: all };
}

function readDocumentIds(input: BatchInput | undefined, b: number, l: number, past: number): DocumentIds | null {
  if (!input) return null;
  const { rows, length, values } = readBatch(input, "documentIds");
  if (rows !== b || length !== l || past > 0)
    throw new DecoderError({
      where: "documentIds",
      expected: `${b} × ${l}, and no tokens in a cache`,
      got: `${rows} × ${length}, and ${past} tokens in the cache`,
    });
  return { rows, values };
}
