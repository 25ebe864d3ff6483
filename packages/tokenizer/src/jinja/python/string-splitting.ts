/** Methods of Python's `str` that split a string. */

import type { Budget } from "../budget.js";
import { valueError } from "../template-error.js";
import { type Arguments, Tuple, type Value } from "../values.js";
import { bind } from "./arguments.js";
import { strip, stripEnd, stripStart, words } from "./text.js";

function separator(label: string, args: Arguments): { sep: string | undefined; limit: number } {
  const bound = bind(label, args, ["sep?", "maxsplit?"]);
  const sep = bound.optionalText("sep", undefined);
  if (sep === "") throw valueError("empty separator");
  const limit = bound.int("maxsplit", -1);
  return { sep, limit: limit < 0 ? Number.POSITIVE_INFINITY : limit };
}

export function split(text: string, args: Arguments, budget: Budget): Value {
  const { sep, limit } = separator("split", args);
  budget.search(text, sep ?? " ");
  const parts: string[] = [];
  if (sep === undefined) {
    for (const { word, index } of words(text)) {
      budget.spend();
      if (parts.length >= limit) {
        parts.push(stripEnd(text.slice(index)));
        break;
      }
      parts.push(word);
    }
    return parts;
  }
  let from = 0;
  for (let at = text.indexOf(sep); at !== -1 && parts.length < limit; at = text.indexOf(sep, from)) {
    budget.spend();
    parts.push(text.slice(from, at));
    from = at + sep.length;
  }
  parts.push(text.slice(from));
  return parts;
}

export function rsplit(text: string, args: Arguments, budget: Budget): Value {
  const { sep, limit } = separator("rsplit", args);
  budget.search(text, sep ?? " ");
  const parts: string[] = [];
  if (sep === undefined) {
    const found = words(text);
    budget.spend(found.length);
    const kept = found.slice(Math.max(0, found.length - limit));
    const first = kept[0];
    const rest = stripEnd(first === undefined ? text : text.slice(0, first.index));
    const head = strip(rest) === "" ? [] : [stripStart(rest)];
    return [...head, ...kept.map(({ word }) => word)];
  }
  let end = text.length;
  while (parts.length < limit) {
    const at = end < sep.length ? -1 : text.lastIndexOf(sep, end - sep.length);
    if (at === -1) break;
    budget.spend();
    parts.push(text.slice(at + sep.length, end));
    end = at;
  }
  parts.push(text.slice(0, end));
  return parts.reverse();
}

export function partition(text: string, args: Arguments, budget: Budget): Value {
  const sep = bind("partition", args, ["sep", "/"]).text("sep");
  if (sep === "") throw valueError("empty separator");
  budget.search(text, sep);
  const at = text.indexOf(sep);
  return new Tuple(at === -1 ? [text, "", ""] : [text.slice(0, at), sep, text.slice(at + sep.length)]);
}

export function rpartition(text: string, args: Arguments, budget: Budget): Value {
  const sep = bind("rpartition", args, ["sep", "/"]).text("sep");
  if (sep === "") throw valueError("empty separator");
  budget.search(text, sep);
  const at = text.lastIndexOf(sep);
  return new Tuple(at === -1 ? ["", "", text] : [text.slice(0, at), sep, text.slice(at + sep.length)]);
}
