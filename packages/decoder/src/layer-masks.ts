import { type Masks, TokenMask } from "@mixtape/layers";
import { AttentionMask, type DocumentIds, type KeyPadding } from "@mixtape/ops";

/** Mask inputs that all layers of a forward pass share, before windows. */
export interface MaskInputs {
  readonly padding: KeyPadding | null;
  readonly documentIds: DocumentIds | null;
}

/** Masks of one forward pass: layers with the same visible keys share one. */
export class LayerMasks implements Masks {
  readonly queries: number;
  readonly #inputs: MaskInputs;
  readonly #masks = new Map<string, AttentionMask>();

  constructor(queries: number, inputs: MaskInputs) {
    this.queries = queries;
    this.#inputs = inputs;
  }

  get documentIds(): DocumentIds | null {
    return this.#inputs.documentIds;
  }

  of(keys: number, window: number | null): AttentionMask {
    const name = `${keys} ${window}`;
    const known = this.#masks.get(name);
    if (known) return known;
    const { padding, documentIds } = this.#inputs;
    const keyPadding = padding && lastColumns(padding, keys);
    const mask = new AttentionMask({ queries: this.queries, keys, window, keyPadding, documentIds });
    this.#masks.set(name, mask);
    return mask;
  }

  dispose(): void {
    for (const mask of this.#masks.values()) mask.dispose();
  }
}

/** Returns the padding of the new tokens, the last `l` positions; null if there is none. */
export function tokenMaskOf(padding: KeyPadding | null, l: number): TokenMask | null {
  if (!padding) return null;
  const { rows, values } = lastColumns(padding, l);
  return values.includes(0) ? new TokenMask(rows, values) : null;
}

/** Returns the padding for a layer that has evicted the first positions. */
function lastColumns({ rows, values }: KeyPadding, keys: number): KeyPadding {
  const slots = values.length / rows;
  if (slots === keys) return { rows, values };
  const kept = new Uint8Array(rows * keys);
  for (let row = 0; row < rows; row++)
    kept.set(values.subarray((row + 1) * slots - keys, (row + 1) * slots), row * keys);
  return { rows, values: kept };
}
