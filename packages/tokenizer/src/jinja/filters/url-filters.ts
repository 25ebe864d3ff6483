/** The filters `urlencode` and `urlize`. */

import { bind } from "../python/arguments.js";
import { isIterable, iterate, toList } from "../python/compare.js";
import { escapeHtml } from "../python/markup.js";
import { quote, str } from "../python/repr.js";
import { compareText, pointLength, pointSlice, words } from "../python/text.js";
import type { Runtime } from "../runtime.js";
import { TemplateError, valueError } from "../template-error.js";
import { type Arguments, asText, Dict, Markup, Tuple, type Value } from "../values.js";

export function urlEncode(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("urlencode", args, []);
  if (asText(value) !== undefined || !isIterable(value)) return percentEncode(str(value, budget), "/");
  const entries =
    value instanceof Dict ? Array.from(value.entries(), (entry): Value => new Tuple(entry)) : toList(value, budget);
  return entries
    .map((entry) => {
      const pair = toList(entry, budget);
      if (pair.length !== 2) throw valueError(`expected a pair, got ${pair.length} values`);
      return pair.map((part) => percentEncode(str(part, budget), "").replaceAll("%20", "+")).join("=");
    })
    .join("&");
}

function percentEncode(text: string, safe: string): string {
  try {
    return encodeURIComponent(text).replace(/[!'()*]|%2F/g, (part) => {
      if (part === "%2F") return safe === "/" ? "/" : part;
      return `%${part.charCodeAt(0).toString(16).toUpperCase()}`;
    });
  } catch {
    throw new TemplateError("UnicodeEncodeError", "surrogates not allowed");
  }
}

const WORD = "[\\p{L}\\p{N}_]";
const HTTP =
  /^(?:(?:https?:\/\/|www\.)(?:(?:[\p{L}\p{N}_%-]+\.)+)?(?:[a-z]{2,63}|xn--[\p{L}\p{N}_%]{2,59})|(?:[\p{L}\p{N}_%-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)|https?:\/\/(?:\d{1,3}(?:\.\d{1,3}){3}|\[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\]))(?::\d{1,5})?(?:[/?#]\S*)?$/iu;
const EMAIL = new RegExp(`^\\S+@${WORD}[\\p{L}\\p{N}_.-]*\\.${WORD}+$`, "u");
/** Maximum length of a word that may be a link; browsers stop at about this length too. */
const LONGEST_LINK = 4096;

interface Links {
  readonly attributes: string;
  readonly schemes: readonly string[];
  trim(text: string): string;
}

export function urlize(value: Value, args: Arguments, runtime: Runtime): Value {
  const { budget } = runtime;
  const bound = bind("urlize", args, ["trim_url_limit?", "nofollow?", "target?", "rel?", "extra_schemes?"]);
  const rel = new Set(words(bound.optionalText("rel", "")).map(({ word }) => word));
  if (bound.flag("nofollow", false)) rel.add("nofollow");
  rel.add("noopener");
  const target = bound.optionalText("target", undefined);
  const given = bound.get("extra_schemes", null);
  const schemes = given === null ? [] : Array.from(iterate(given, budget), (scheme) => asText(scheme) ?? "");
  for (const scheme of schemes) {
    if (!/^[\p{L}\p{N}_.+-]{2,}:\/{0,2}$/u.test(scheme))
      throw new TemplateError("FilterArgumentError", `${quote(scheme, budget)} is not a valid URI scheme prefix.`);
  }
  const limit = bound.get("trim_url_limit") === null ? undefined : bound.int("trim_url_limit", undefined);
  const links: Links = {
    attributes: ` rel="${escapeHtml([...rel].sort(compareText).join(" "), budget).text}"${target === undefined || target === "" ? "" : ` target="${escapeHtml(target, budget).text}"`}`,
    schemes,
    trim: (text) =>
      limit !== undefined && pointLength(text) > limit
        ? `${pointSlice(text, 0, Math.max(0, limit < 0 ? pointLength(text) + limit : limit))}...`
        : text,
  };
  const text = escapeHtml(value, budget).text;
  budget.text(text.length * 8);
  let result = "";
  let from = 0;
  for (const { word, index } of words(text)) {
    result += text.slice(from, index) + linkWord(word, links);
    from = index + word.length;
  }
  result += text.slice(from);
  return runtime.autoescape ? new Markup(result) : result;
}

function linkWord(word: string, links: Links): string {
  if (word.length > LONGEST_LINK) return word;
  const head = /^(?:[(<]|&lt;)+/.exec(word)?.[0] ?? "";
  let middle = word.slice(head.length);
  let tail = /(?:[)>.,\n]|&gt;)*$/.exec(middle)?.[0] ?? "";
  middle = middle.slice(0, middle.length - tail.length);
  for (const [open, close] of [
    ["(", ")"],
    ["<", ">"],
    ["&lt;", "&gt;"],
  ] as const) {
    const opened = occurrences(middle, open);
    if (opened <= occurrences(middle, close)) continue;
    for (let left = Math.min(opened, occurrences(tail, close)); left > 0; left--) {
      const end = tail.indexOf(close) + close.length;
      middle += tail.slice(0, end);
      tail = tail.slice(end);
    }
  }
  return head + link(middle, links) + tail;
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

function link(text: string, { attributes, schemes, trim }: Links): string {
  if (HTTP.test(text)) {
    const url = /^https?:\/\//.test(text) ? text : `https://${text}`;
    return `<a href="${url}"${attributes}>${trim(text)}</a>`;
  }
  if (text.startsWith("mailto:") && EMAIL.test(text.slice(7))) return `<a href="${text}">${text.slice(7)}</a>`;
  if (text.includes("@") && !/^(?:www\.|@)/.test(text) && !text.includes(":") && EMAIL.test(text)) {
    return `<a href="mailto:${text}">${text}</a>`;
  }
  let linked = text;
  for (const scheme of schemes) {
    if (linked !== scheme && linked.startsWith(scheme)) linked = `<a href="${linked}"${attributes}>${linked}</a>`;
  }
  return linked;
}
