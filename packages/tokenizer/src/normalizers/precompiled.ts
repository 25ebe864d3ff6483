import { badValue, type Fields } from "../fields.js";
import { byteLength, decodeStrictly, encodeUtf8 } from "../unicode/utf8.js";
import type { ReadNormalizer } from "./normalizer.js";

/** Number of cached characters and clusters, to bound memory. */
const REMEMBERED = 20_000;
/** Clusters of fewer bytes than this are looked up as a whole. */
const CLUSTER_BYTES = 6;

/**
 * `Precompiled`: the character map that sentencepiece embeds in its models, a double-array trie (Aoe 1989) and the
 * texts that it points to. Used as in the reference: the first match replaces the whole cluster.
 */
export const readPrecompiled: ReadNormalizer = (fields) => {
  const map = new CharacterMap(fields);
  return (aligned) => {
    const changes: { char: string; change: number }[] = [];
    let modified = false;
    let added = 0;
    const add = (part: string): boolean => {
      const other = map.get(part);
      if (other === undefined) return false;
      modified = true;
      added += other.length - part.length;
      aligned.budget.check(added);
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

/**
 * Adds the changes from one text to another: extra characters are added after the last, missing ones are removed at the
 * end.
 */
function pushReplacement(changes: { char: string; change: number }[], before: string, after: string): void {
  for (const char of after) changes.push({ char, change: 0 });
  const more = Array.from(after).length - Array.from(before).length;
  const last = changes.at(-1);
  if (more < 0 && last) last.change += more;
  for (let i = 0; i < more; i++) (changes.at(-1 - i) as { change: number }).change = 1;
}

/**
 * Yields extended grapheme clusters (UAX #29). There is always a boundary between plain characters, which avoids slow
 * calls of the engine.
 */
function* clusters(text: string): Iterable<string> {
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (!isPlain(text.charCodeAt(at)) || (at + 1 < text.length && !isPlain(text.charCodeAt(at + 1)))) continue;
    if (start === at) yield text[at] as string;
    else yield* segments(text.slice(start, at + 1));
    start = at + 1;
  }
  if (start < text.length) yield* segments(text.slice(start));
}

/** ASCII without CR, Latin, Greek, Cyrillic, kana and Han, by their first and last characters. */
const PLAIN: readonly (readonly [first: number, last: number])[] = [
  [0, 0xc],
  [0xe, 0xa8],
  [0xaf, 0x2ff],
  [0x370, 0x482],
  [0x48a, 0x52f],
  [0x1e00, 0x1fff],
  [0x3001, 0x3029],
  [0x3041, 0x3096],
  [0x309b, 0x30ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xf900, 0xfaff],
];

const plain = new Uint8Array(0x10000);
for (const [first, last] of PLAIN) plain.fill(1, first, last + 1);

function isPlain(unit: number): boolean {
  return plain[unit] === 1;
}

let segmenter: Intl.Segmenter | undefined;
/** Units to segment at once: the engine's time grows with the square of the length. */
const WINDOW = 128;

function* segments(run: string): Iterable<string> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  for (let start = 0, size = WINDOW; start < run.length; ) {
    const isLast = start + size >= run.length;
    const found = Array.from(segmenter.segment(run.slice(start, start + size)), ({ segment }) => segment);
    // The last cluster may continue beyond the window. The next window begins with it, as clusters do not depend on
    // earlier text.
    if (!isLast) found.pop();
    for (const cluster of found) {
      yield cluster;
      start += cluster.length;
    }
    size = found.length === 0 ? 2 * size : WINDOW;
  }
}

/** sentencepiece's map of characters. */
class CharacterMap {
  readonly #trie: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #known = new Map<string, string | undefined>();

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

  /** Returns the replacement of the first entry that is a prefix of `chunk`. */
  get(chunk: string): string | undefined {
    if (this.#known.has(chunk)) return this.#known.get(chunk);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    const text = this.#find(chunk);
    this.#known.set(chunk, text);
    return text;
  }

  #find(chunk: string): string | undefined {
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
