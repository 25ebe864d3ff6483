/** Methods of safe strings (markupsafe's `Markup`): they escape their arguments, and return safe strings. */

import type { Budget } from "../budget.js";
import { type Arguments, asText, Markup, Tuple, type Value } from "../values.js";
import { bind, takesNone } from "./arguments.js";
import { toList } from "./compare.js";
import { unescapeEntities } from "./entities.js";
import { escapeHtml } from "./markup.js";
import { joinText, STRING_METHODS } from "./string-methods.js";
import { words } from "./text.js";

/** Methods whose result contains an argument, with the index of that argument. */
const ESCAPED = new Map([
  ["replace", 1],
  ["ljust", 1],
  ["rjust", 1],
  ["center", 1],
]);

export function markupMethod(markup: Markup, name: string, budget: Budget): ((args: Arguments) => Value) | undefined {
  if (name === "unescape") return (args) => takesNone(name, args, () => unescapeEntities(markup.text));
  if (name === "striptags") return (args) => takesNone(name, args, () => stripTags(markup.text, budget));
  if (name === "escape") return (args) => escapeHtml(bind(name, args, ["s", "/"]).get("s") as Value, budget);
  if (name === "join") {
    return (args) => {
      const items = toList(bind(name, args, ["iterable", "/"]).get("iterable") as Value, budget);
      return new Markup(
        joinText(
          items.map((item) => escapeHtml(item, budget).text),
          markup.text,
          budget,
        ),
      );
    };
  }
  const method = STRING_METHODS.get(name);
  if (method === undefined) return undefined;
  return ({ positional, named }) => {
    const place = ESCAPED.get(name);
    const given = positional.map((value, index) =>
      index === place && asText(value) !== undefined ? escapeHtml(value, budget) : value,
    );
    return safe(method(markup.text, { positional: given, named }, budget));
  };
}

function safe(value: Value): Value {
  if (typeof value === "string") return new Markup(value);
  if (Array.isArray(value)) return value.map(safe);
  return value instanceof Tuple ? new Tuple(value.items.map(safe)) : value;
}

/** Removes tags and comments, collapses white space, and decodes entities. */
export function stripTags(markup: string, budget: Budget): string {
  budget.text(markup.length);
  let text = "";
  let from = 0;
  for (let start = markup.indexOf("<"); start !== -1; start = markup.indexOf("<", from)) {
    const comment = markup.startsWith("<!--", start);
    const end = comment ? markup.indexOf("-->", start + 4) : markup.indexOf(">", start);
    if (end === -1) break;
    text += markup.slice(from, start);
    from = end + (comment ? 3 : 1);
  }
  text += markup.slice(from);
  return unescapeEntities(
    words(text)
      .map(({ word }) => word)
      .join(" "),
  );
}
