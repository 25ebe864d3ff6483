import { specialToken } from "./special-tokens.js";
import type { Vocabulary } from "./vocabulary.js";

/** Makes the `post_processor` that adds the begin- and end-of-text tokens; null if it adds none. */
export function postProcessor({ metadata, tokens }: Vocabulary, defaults: { readonly addBos: boolean }): object | null {
  const adds = {
    bos: metadata.boolean("tokenizer.ggml.add_bos_token") ?? defaults.addBos,
    eos: metadata.boolean("tokenizer.ggml.add_eos_token") ?? false,
  };
  const [bos, eos] = (["bos", "eos"] as const).map((name) => {
    const id = adds[name] ? specialToken(metadata, name) : undefined;
    if (id !== undefined) return [{ id, text: tokens[id]! }];
    if (!adds[name] || metadata.boolean(`tokenizer.ggml.add_${name}_token`) !== true) return [];
    const key = `tokenizer.ggml.${name}_token_id`;
    throw metadata.error(key, `a token, since add_${name}_token is true`, String(metadata.get(key) ?? "none"));
  }) as [Added[], Added[]];
  if (bos.length + eos.length === 0) return null;
  const special = ({ text }: Added, type_id: number): object => ({ SpecialToken: { id: text, type_id } });
  const around = (id: string, type: number): object[] => [
    ...bos.map((token) => special(token, type)),
    { Sequence: { id, type_id: type } },
    ...eos.map((token) => special(token, type)),
  ];
  return {
    type: "TemplateProcessing",
    single: around("A", 0),
    pair: [...around("A", 0), ...around("B", 1)],
    special_tokens: Object.fromEntries(
      [...bos, ...eos].map(({ id, text }) => [text, { id: text, ids: [id], tokens: [text] }]),
    ),
  };
}

interface Added {
  readonly id: number;
  readonly text: string;
}
