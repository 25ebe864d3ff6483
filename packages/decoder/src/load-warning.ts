/** What loading leaves out or decides against the config: it goes on, and says so. */

/** One thing about a checkpoint that its owner should know, though it loads. */
export interface LoadWarning {
  /**
   * - `unused-keys`: keys of `config.json` or `generation_config.json` that no model here reads
   * - `odd-values`: values in `config.json` that make no sense and change nothing, such as a token beyond the vocabulary
   * - `unused-tensors`: tensors that no parameter is loaded from
   * - `renamed-tensors`: names without the prefix `model.`, or with one too many
   * - `whole-file`: a server does not answer range requests, and a file is downloaded whole and held in memory
   * - `newly-initialized`: parameters of a head that the checkpoint lacks
   * - `untied-head`: `tie_word_embeddings` is true, and the file holds a head of its own
   */
  readonly kind:
    | "unused-keys"
    | "odd-values"
    | "unused-tensors"
    | "renamed-tensors"
    | "newly-initialized"
    | "whole-file"
    | "untied-head";
  /** One sentence that names the checkpoint. */
  readonly message: string;
  /** The keys, or the names on disk of the tensors. */
  readonly names: readonly string[];
}

/** Takes a warning. */
export type OnWarning = (warning: LoadWarning) => void;

/** Prints a warning on the console, which is standard error in Node. */
export const warnOnConsole: OnWarning = ({ message }) => console.warn(message);

/** As many as a person reads. */
const LISTED = 6;
const SHOWN = 120;

/** A name out of a file as a message shows it: quoted where it is not made of plain characters, and cut short. */
export function showName(name: string): string {
  const text = name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name;
  return /^[\w.*…-]+$/.test(text) ? text : JSON.stringify(text);
}

/** Names in a row, as many as a person reads. */
export function listNames(names: readonly string[], listed = LISTED): string {
  const more = names.length - listed;
  return `${names.slice(0, listed).join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}

/** Names with their numbers as `*`, each once with how many there are: `model.layers.*.self_attn.rotary_emb.inv_freq (48)`. */
export function summarizeNames(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) {
    const pattern = name.replace(/(^|\.)\d+(?=\.|$)/g, "$1*");
    counts.set(pattern, (counts.get(pattern) ?? 0) + 1);
  }
  return listNames([...counts].map(([name, count]) => showName(name) + (count > 1 ? ` (${count})` : "")));
}
