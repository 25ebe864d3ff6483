/** Warnings of loading: parts of a checkpoint that are skipped, or that override the config. */

/** A warning about a checkpoint that loads. */
export interface LoadWarning {
  /**
   * - `unused-keys`: keys of `config.json` or `generation_config.json` that no model here reads
   * - `odd-values`: values in `config.json` that are invalid and change nothing, such as a token beyond the vocabulary
   * - `unused-tensors`: tensors that no parameter is loaded from
   * - `renamed-tensors`: names without the prefix `model.`, or with an extra one
   * - `whole-file`: a server does not support range requests, and a file is downloaded whole and held in memory
   * - `newly-initialized`: parameters of a head that the checkpoint lacks
   * - `decoded-weights`: quantised weights that the engine does not multiply as they are, and their size in memory
   * - `quantized-cache`: `cache_implementation` in `generation_config.json` is `quantized`, and what is used instead
   * - `larger-than-memory`: routed experts that do not all fit into memory, and what is read from their files instead
   * - `untied-head`: `tie_word_embeddings` is true, but the file has its own head
   * - `tokenizer`: files of the tokenizer that make other tokens than the model was trained with
   */
  readonly kind:
    | "unused-keys"
    | "odd-values"
    | "unused-tensors"
    | "renamed-tensors"
    | "newly-initialized"
    | "whole-file"
    | "decoded-weights"
    | "quantized-cache"
    | "larger-than-memory"
    | "untied-head"
    | "tokenizer";
  /** One sentence that names the checkpoint. */
  readonly message: string;
  /** The keys, or the names on disk of the tensors. */
  readonly names: readonly string[];
}

/** Receives a warning. */
export type OnWarning = (warning: LoadWarning) => void;

/** Prints a warning on the console, which is standard error in Node. */
export const warnOnConsole: OnWarning = ({ message }) => console.warn(message);

/** Maximum number of listed names. */
const LISTED = 6;
const SHOWN = 120;

/** Formats a name from a file for a message: quoted unless it has only plain characters, and truncated. */
export function showName(name: string): string {
  const text = name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name;
  return /^[\w.*…-]+$/.test(text) ? text : JSON.stringify(text);
}

/** Lists names, up to a maximum. */
export function listNames(names: readonly string[], listed = LISTED): string {
  const more = names.length - listed;
  return `${names.slice(0, listed).join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}

/** Lists names with `*` for numbers, each once with its count: `model.layers.*.self_attn.rotary_emb.inv_freq (48)`. */
export function summarizeNames(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) {
    const pattern = name.replace(/(^|\.)\d+(?=\.|$)/g, "$1*");
    counts.set(pattern, (counts.get(pattern) ?? 0) + 1);
  }
  return listNames([...counts].map(([name, count]) => showName(name) + (count > 1 ? ` (${count})` : "")));
}
