/** HTML escaping as in markupsafe. */

import type { Budget } from "../budget.js";
import { Markup, type Value } from "../values.js";
import { str } from "./repr.js";

const ENTITIES = new Map([
  ["&", "&amp;"],
  [">", "&gt;"],
  ["<", "&lt;"],
  ["'", "&#39;"],
  ['"', "&#34;"],
]);

/** `escapeHtml(value)`: a safe string stays unchanged. */
export function escapeHtml(value: Value, budget: Budget): Markup {
  if (value instanceof Markup) return value;
  const text = str(value, budget);
  budget.text(text.length);
  return new Markup(text.replace(/[&<>'"]/g, (char) => ENTITIES.get(char) as string));
}
