import { badValue, type Fields } from "../fields.js";
import { byteLength, decodeStrictly, encodeUtf8 } from "../unicode/utf8.js";
import type { ReadNormalizer } from "./normalizer.js";

/** Clusters of characters of fewer bytes than that are looked up as a whole. */
const CLUSTER_BYTES = 6;

/**
 * `Precompiled`: the map of characters that sentencepiece puts into its models, a double-array trie (Aoe 1989) and the texts
 * that it points to. Used as the reference uses it, where the first match counts and stands for the whole cluster.
 */
export const readPrecompiled: ReadNormalizer = (fields) => {
  const map = new CharacterMap(fields);
  return (aligned) => {
    const changes: { char: string; change: number }[] = [];
    let modified = false;
    const add = (part: string): boolean => {
      const other = map.get(part);
      if (other === undefined) return false;
      modified = true;
      pushReplacement(changes, part, other);
      return true;
    };
    for (const cluster of clusters(aligned.text)) {
      if (byteLength(cluster) < CLUSTER_BYTES && add(cluster)) continue;
      for (const char of cluster) if (!add(char)) changes.push({ char, change: 0 });
    }
    if (modified) aligned.transform(changes);
  };
};

/** The changes from one text to another: characters that are too many come in behind, those that lack go at the end. */
function pushReplacement(changes: { char: string; change: number }[], before: string, after: string): void {
  for (const char of after) changes.push({ char, change: 0 });
  const more = Array.from(after).length - Array.from(before).length;
  const last = changes.at(-1);
  if (more < 0 && last) last.change += more;
  for (let i = 0; i < more; i++) (changes.at(-1 - i) as { change: number }).change = 1;
}

let segmenter: Intl.Segmenter | undefined;

/** Extended grapheme clusters (UAX #29). Runs of ASCII are cut here: to ask the engine takes long. */
function* clusters(text: string): Iterable<string> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  for (const { 0: run, 1: ascii } of text.matchAll(ASCII_OR_OTHER)) {
    if (ascii !== undefined) yield* ascii;
    else for (const { segment } of segmenter.segment(run)) yield segment;
  }
}

/** ASCII without line ends and without a last character that marks may follow; or a run of others, with the character in front. */
const ASCII_OR_OTHER = /((?:(?!\r)\p{ASCII})+)(?=\p{ASCII})|\r\n|\p{ASCII}?\P{ASCII}+|\p{ASCII}/gu;

/** sentencepiece's map of characters. */
class CharacterMap {
  readonly #trie: Uint32Array;
  readonly #texts: Uint8Array;

  constructor(fields: Fields) {
    const where = fields.at("precompiled_charsmap");
    const bytes = fromBase64(fields.string("precompiled_charsmap"), where);
    const view = new DataView(bytes.buffer);
    const size = bytes.length < 4 ? -1 : view.getUint32(0, true);
    if (size < 4 || size + 4 > bytes.length) throw badValue(where, "a map of characters", `${bytes.length} bytes`);
    this.#trie = Uint32Array.from({ length: size >> 2 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#texts = bytes.subarray(4 + (this.#trie.length << 2));
    if (decodeStrictly(this.#texts) === undefined) throw badValue(where, "texts in UTF-8", "other bytes");
  }

  /** The text that the first entry which begins `chunk` stands for. */
  get(chunk: string): string | undefined {
    const index = this.#firstPrefix(encodeUtf8(chunk));
    if (index === undefined) return undefined;
    let end = index;
    while (end < this.#texts.length && this.#texts[end] !== 0) end++;
    return decodeStrictly(this.#texts.subarray(index, end)) ?? "";
  }

  #firstPrefix(key: Uint8Array): number | undefined {
    let at = offsetOf(this.#trie[0] as number);
    for (const byte of key) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = this.#trie[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offsetOf(unit);
      if ((unit >>> 8) & 1) {
        const leaf = this.#trie[at];
        return leaf === undefined ? undefined : leaf & 0x7fffffff;
      }
    }
    return undefined;
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function fromBase64(text: string, where: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    throw badValue(where, "base64", text);
  }
}
