/** Chat templates of a tokenizer, and the special tokens that they name. */

import { isObject, type JsonObject } from "./fields.js";
import { TokenizerError } from "./tokenizer-error.js";
import type { TokenizerSource } from "./tokenizer-files.js";

/**
 * Returns templates by name. Template files (`chat_template.jinja` and `additional_chat_templates/*.jinja`) replace all
 * templates in the config's `chat_template`, which is a text, a list of `{ name, template }`, or an object of names to
 * texts. As in transformers 5.18, `chat_template.json` belongs to processors, not to tokenizers.
 */
export function findTemplates({ where, config, chatTemplates }: TokenizerSource): ReadonlyMap<string, string> {
  if (chatTemplates !== undefined && chatTemplates.size > 0) return chatTemplates;
  const given = config.chat_template;
  if (given === undefined || given === null) return new Map();
  if (typeof given === "string") return new Map([["default", given]]);
  if (Array.isArray(given)) return new Map(given.map((entry) => namedTemplate(where, entry)));
  if (!isObject(given)) throw badTemplate(where, given);
  return new Map(Object.entries(given).map(([name, template]) => namedTemplate(where, { name, template })));
}

function namedTemplate(where: string, entry: unknown): [string, string] {
  if (typeof entry === "object" && entry !== null && "name" in entry && "template" in entry) {
    const { name, template } = entry;
    if (typeof name === "string" && typeof template === "string") return [name, template];
  }
  throw badTemplate(where, entry);
}

function badTemplate(where: string, value: unknown): TokenizerError {
  return new TokenizerError({
    where: `${where}: chat_template`,
    expected: "a text, a list of { name, template }, or an object of names to texts",
    got: JSON.stringify(value).slice(0, 80),
  });
}

/** Returns special tokens that the config names itself, such as `image_token`: templates know them by these names. */
export function extraTokens({ extra_special_tokens: extra }: JsonObject): Record<string, string> {
  if (typeof extra !== "object" || extra === null || Array.isArray(extra)) return {};
  const tokens: Record<string, string> = {};
  for (const [key, value] of Object.entries(extra)) {
    const content: unknown = typeof value === "object" && value !== null && "content" in value ? value.content : value;
    if (typeof content === "string") tokens[key] = content;
  }
  return tokens;
}
