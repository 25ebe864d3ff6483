/** Explains why a checkpoint does not fit its config, by the names of its tensors, with a fix. */

import { CheckpointError } from "./errors.js";
import { isQuantised, type TensorFaults, type TensorMatch } from "./match-tensors.js";

/** @throws {CheckpointError} with all missing, unexpected and misshaped tensors, if there are any. */
export function refuseFaults(match: TensorMatch, where: string): void {
  const { missing, misshaped, unexpected } = match.faults;
  const lines = [
    ...missing.map((name) => `missing ${name}`),
    ...misshaped.map(({ name, shape, expected }) => `${name} is [${shape}] and should be [${expected}]`),
    ...unexpected.map((name) => `unexpected ${name}`),
  ];
  if (lines.length === 0) return;
  throw new CheckpointError({
    where,
    expected: "the tensors of its config",
    got: `${lines.length} ${lines.length === 1 ? "issue" : "issues"}:\n  ${lines.join("\n  ")}\n`,
    fix: wayOut(match),
  });
}

/** Suggests a fix, as sentences without the last full stop. */
function wayOut({ faults, unused }: Pick<TensorMatch, "faults" | "unused">): string {
  return (
    explainQuantised(faults, unused) ??
    explainAdapter(unused) ??
    explainForeignNames(unused) ??
    explainPrefix(faults, unused) ??
    explainHead(faults, unused) ??
    explainLabels(faults) ??
    explainLayers(faults) ??
    explainVocabulary(faults) ??
    explainExperts(faults) ??
    "The checkpoint is incomplete, or its config belongs to another"
  );
}

function explainQuantised({ unexpected }: TensorFaults, unused: readonly string[]): string | undefined {
  if (![...unexpected, ...unused].some(isQuantised)) return undefined;
  return "The weights are quantised in a way that config.json does not describe. Use its original config.json with the quantization_config, or the checkpoint that they were quantised from";
}

function explainAdapter(unused: readonly string[]): string | undefined {
  if (!unused.some((name) => name.includes(".base_layer."))) return undefined;
  return "The checkpoint contains an adapter that was not merged. Merge it in peft: model.merge_and_unload().save_pretrained(folder)";
}

function explainForeignNames(unused: readonly string[]): string | undefined {
  if (unused.some((name) => name.endsWith("tok_embeddings.weight") || /(^|\.)attention\.wq\.weight$/.test(name)))
    return "These are the names of Mistral's own format. Use the checkpoint in the format of transformers, whose names begin with model.layers.0.self_attn";
  if (unused.includes("token_embd.weight"))
    return "These are the names of GGUF. Use the checkpoint that it was converted from";
  return undefined;
}

/** Finds a prefix that most of the missing names have in the file. */
function explainPrefix({ missing }: TensorFaults, unused: readonly string[]): string | undefined {
  const wanted = new Set(missing);
  const counts = new Map<string, number>();
  for (const name of unused) {
    const parts = name.split(".");
    for (let k = 1; k <= Math.min(4, parts.length - 1); k++) {
      const rest = parts.slice(k).join(".");
      if (!wanted.has(rest) && !wanted.has(`model.${rest}`)) continue;
      const prefix = `${parts.slice(0, k).join(".")}.`;
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  const [prefix, count] = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most), ["", 0]);
  if (count === 0 || count < missing.length / 2) return undefined;
  const names = `The names in the file begin with ${JSON.stringify(prefix)}, which transformers does not remove either`;
  return prefix.startsWith("base_model.model.")
    ? `${names}. They come from a peft model: merge and save it there, model.merge_and_unload().save_pretrained(folder)`
    : `${names}. Remove it in Python: save_file({k.removeprefix(${JSON.stringify(prefix)}): v for k, v in load_file(path).items()}, path)`;
}

function explainHead({ missing }: TensorFaults, unused: readonly string[]): string | undefined {
  if (missing.length !== 1 || missing[0] !== "lm_head.weight") return undefined;
  const other = unused.find((name) => /^(score|classifier|qa_outputs)\./.test(name));
  if (other) return `The checkpoint has another head, ${other}: it cannot generate text`;
  return "The checkpoint has no head: if it shares the weights of the embedding, set tie_word_embeddings to true in config.json; otherwise it is a model without a head, which cannot generate text";
}

/** Recognises a head that was trained for other classes. */
function explainLabels({ missing, misshaped, unexpected }: TensorFaults): string | undefined {
  const head = misshaped.find(({ name }) => /^score\.(weight|bias)$/.test(name));
  if (!head || missing.length + unexpected.length > 0 || misshaped.some(({ name }) => !name.startsWith("score.")))
    return undefined;
  return `The checkpoint has a trained classifier with ${head.shape[0]} classes. Copy numLabels and id2label from its own config.json, or start from a checkpoint without such a head`;
}

/** Recognises missing layers: the config has more than the file, or a shard is missing. */
function explainLayers({ missing, misshaped, unexpected }: TensorFaults): string | undefined {
  if (missing.length === 0 || misshaped.length > 0 || unexpected.length > 0) return undefined;
  const layers = missing.map((name) => /(?:^|\.)layers\.(\d+)\./.exec(name)?.[1]);
  if (layers.includes(undefined)) return undefined;
  const numbers = [...new Set(layers.map(Number))].sort((a, b) => a - b);
  const which = numbers.length === 1 ? `layer ${numbers[0]}` : `layers ${numbers[0]} to ${numbers.at(-1)}`;
  return `All of them are of ${which}: a file of the checkpoint is missing, or num_hidden_layers in config.json belongs to another checkpoint`;
}

function explainVocabulary({ missing, misshaped, unexpected }: TensorFaults): string | undefined {
  const rows = misshaped.filter(({ name }) => /(^|\.)(embed_tokens|lm_head)\.weight$/.test(name));
  const [first] = rows;
  if (!first || rows.length < misshaped.length || missing.length + unexpected.length > 0) return undefined;
  if (rows.some(({ shape, expected }) => shape[0] !== first.shape[0] || shape[1] !== expected[1])) return undefined;
  return `The file has ${first.shape[0]} tokens: set vocab_size in config.json to that, if the rest of the config belongs to the file`;
}

function explainExperts({ missing, misshaped, unexpected }: TensorFaults): string | undefined {
  const ofExperts = (name: string): boolean =>
    name.includes(".experts.") ||
    name.includes(".shared_expert") ||
    /\.(gate|router\.gate)\.weight$|expert_bias$/.test(name);
  const names = [...missing, ...unexpected, ...misshaped.map(({ name }) => name)];
  if (names.length === 0 || !names.every(ofExperts)) return undefined;
  return "All of them are of experts: their number or width in config.json belongs to another checkpoint, or the file has them in two spellings";
}
