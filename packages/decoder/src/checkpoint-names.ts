import type { TensorSource, TensorView } from "@mixtape/safetensors";

/**
 * Prefixes of the decoder's names in a checkpoint with a head. As in transformers (`rename_source_key`), an unmatched
 * name is tried without such a prefix, and then with one: a decoder that was saved by itself has names without.
 * Question answering models of some families use the other prefix, with which transformers would not find the decoder
 * of another head.
 */
const PREFIXES = ["model.", "transformer."];

/** Tensors of a checkpoint under the names that a model expects. */
export class CheckpointNames {
  /** Names on disk that differ from the expected name only by the prefix. */
  readonly renamed: readonly string[];
  /** Names on disk that match nothing, with the prefix or without. */
  readonly others: readonly string[];
  readonly #onDisk = new Map<string, string>();

  constructor(
    private readonly source: TensorSource,
    expected: ReadonlySet<string>,
  ) {
    const asked = (name: string): string | undefined => {
      if (expected.has(name)) return name;
      const shorter = PREFIXES.filter((prefix) => name.startsWith(prefix)).map((prefix) => name.slice(prefix.length));
      const bases = [...shorter, name];
      const others = bases.flatMap((base) => PREFIXES.map((prefix) => prefix + base));
      return [...shorter, ...others].find((one) => expected.has(one));
    };
    const renamed: string[] = [];
    const others: string[] = [];
    for (const name of source.names) if (expected.has(name)) this.#onDisk.set(name, name);
    for (const name of source.names) {
      if (expected.has(name)) continue;
      const wanted = asked(name);
      if (wanted === undefined || this.#onDisk.has(wanted)) others.push(name);
      else {
        this.#onDisk.set(wanted, name);
        renamed.push(name);
      }
    }
    this.renamed = renamed;
    this.others = others;
  }

  /** Returns the expected names that exist. */
  names(): Iterable<string> {
    return this.#onDisk.keys();
  }

  has(name: string): boolean {
    return this.#onDisk.has(name);
  }

  /** Returns the name in the file; the name itself if there is none. */
  onDisk(name: string): string {
    return this.#onDisk.get(name) ?? name;
  }

  tensor(name: string): TensorView {
    return this.source.tensor(this.onDisk(name));
  }
}
