/**
 * Chat templates that render: real ones with a few changes, and generated ones in which each expression has the
 * required type.
 */

import type { Random } from "./random.js";

/** Returns a template with one to three changes of its tags and of the text between them. */
export function mutateTemplate(source: string, random: Random): string {
  let parts = source.split(/(\{\{.*?\}\}|\{%.*?%\})/s);
  for (let i = 1 + random.below(3); i > 0; i--) parts = changed(parts, source, random);
  return parts.join("");
}

function changed(parts: readonly string[], source: string, random: Random): string[] {
  const outputs = parts.flatMap((part, i) => (part.startsWith("{{") ? [i] : []));
  const texts = parts.flatMap((part, i) => (part.startsWith("{") ? [] : [i]));
  const copy = [...parts];
  const at = outputs.length > 0 ? random.pick(outputs) : 0;
  switch (random.below(7)) {
    case 0:
      copy.splice(at, 1);
      break;
    case 1:
      copy.splice(at, 0, `{{ ${text(random, 2)} }}`);
      break;
    case 2:
      copy[at] = copy[at]!.replace(/\}\}$/, ` | ${random.pick(TEXT_FILTERS)} }}`);
      break;
    case 3:
      copy[random.pick(texts)] = random.pick(["", "\n", "  x\r\n", "\u0000", statement(random, 2)]);
      break;
    case 4: {
      const other = random.below(copy.length);
      [copy[at], copy[other]] = [copy[other]!, copy[at]!];
      break;
    }
    case 5: {
      // Replaces a word by another of the template.
      const where = random.below(copy.length);
      const words = source.match(/[a-z_]{3,}/g) ?? ["x"];
      const found = copy[where]!.match(/[a-z_]{3,}/g);
      if (found) copy[where] = copy[where]!.replace(random.pick(found), () => random.pick(words));
      break;
    }
    default:
      copy[at] = random.pick(["{{- x -}}", "{% break %}", "{% generation %}x{% endgeneration %}", "{{ messages }}"]);
  }
  return copy;
}

/** Generates a template of mostly valid statements. */
export function typedTemplate(random: Random): string {
  return Array.from({ length: 1 + random.below(4) }, () => statement(random, 3)).join("\n");
}

function statement(random: Random, depth: number): string {
  const inner = (): string => (depth > 0 ? statement(random, depth - 1) : "t");
  switch (random.below(depth > 0 ? 9 : 2)) {
    case 0:
      return `{{ ${text(random, depth)} }}`;
    case 1:
      return `{{- ${random.pick([text, number, flag, list, mapping])(random, depth)} -}}`;
    case 2:
      return `{% for message in messages %}{{ message.role }}{{ loop.index0 }}${inner()}{% else %}${inner()}{% endfor %}`;
    case 3:
      return `{% for x in ${list(random, depth - 1)} %}${inner()}{% if loop.last %}${random.pick(["{% break %}", "{{ loop.length }}", "{% continue %}"])}{% endif %}{% endfor %}`;
    case 4:
      return `{% if ${flag(random, depth - 1)} %}${inner()}{% elif ${flag(random, depth - 1)} %}${inner()}{% endif %}`;
    case 5:
      return `{% set x = ${random.pick([text, number, list, mapping])(random, depth - 1)} %}${inner()}`;
    case 6:
      return `{% macro m(x, y='b') %}{{ x }}{{ y }}${inner()}{% endmacro %}{{ m(${text(random, depth - 1)}) }}`;
    case 7:
      return `{% set ns = namespace(n=0) %}{% for x in ${list(random, depth - 1)} %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}`;
    default:
      return random.pick([
        `{% filter upper %}${inner()}{% endfilter %}`,
        `{% set x %}${inner()}{% endset %}{{ x }}`,
        `{% generation %}${inner()}{% endgeneration %}`,
        `{% with y = 1 %}${inner()}{% endwith %}`,
        `{# c #}${inner()}`,
      ]);
  }
}

const TEXT_FILTERS = ["trim", "upper", "lower", "title", "capitalize", "string", "e", "urlencode", "tojson", "safe"];

function text(random: Random, depth: number): string {
  if (depth <= 0)
    return random.pick([
      "'a'",
      "messages[0].content",
      "bos_token",
      "eos_token",
      "'%s' % 1",
      "'é😀'",
      "messages[-1]['role']",
    ]);
  const t = (): string => text(random, depth - 1);
  const n = (): string => number(random, depth - 1);
  return random.pick<() => string>([
    () => `(${t()} ~ ${random.pick([t, n])()})`,
    () => `${t()} | ${random.pick(TEXT_FILTERS)}`,
    () =>
      `(${t()}).${random.pick(["strip()", "lstrip('a')", "upper()", "title()", "replace('a', 'bb')", "strip().lower()", "center(9)", "zfill(5)", "rjust(6, '*')"])}`,
    () => `(${t()})[${random.pick([":2", "::-1", "1:", "-3:", "::2"])}]`,
    () => `(${t()} if ${flag(random, depth - 1)} else ${t()})`,
    () => `', '.join(${list(random, 0)} | map('string') | list)`,
    () => `'{} {:>4} {!r}'.format(${t()}, ${n()}, ${t()})`,
    () => `'%s: %05d' % (${t()}, ${n()})`,
    () => `${list(random, depth - 1)} | map('string') | join(${t()})`,
    () => `(${t()} * ${random.pick([0, 1, 3, 100])})`,
    () => `${mapping(random, depth - 1)} | tojson${random.pick(["", "(indent=2)"])}`,
    () =>
      `(${t()}) | ${random.pick(["indent(2)", "truncate(9)", "wordwrap(5)", "replace('a', 'b')", "default('d')", "center(20)"])}`,
  ])();
}

function number(random: Random, depth: number): string {
  if (depth <= 0) return random.pick(["0", "1", "7", "messages | length", "2.5", "10 ** 3", "true"]);
  const n = (): string => number(random, depth - 1);
  return random.pick<() => string>([
    () => `(${n()} ${random.pick(["+", "-", "*"])} ${n()})`,
    () => `(${n()} ${random.pick(["//", "%", "/"])} ${random.pick(["3", "2.0", "7"])})`,
    () => `(${list(random, depth - 1)}) | length`,
    () => `(${text(random, depth - 1)}) | ${random.pick(["length", "wordcount", "int", "float(0.5)"])}`,
    () => `(${n()}) | ${random.pick(["abs", "round", "int", "round(1, 'floor')"])}`,
    () => `range(${random.pick([3, 10, 1000])}) | ${random.pick(["sum", "max", "min", "last", "first"])}`,
  ])();
}

function flag(random: Random, depth: number): string {
  if (depth <= 0) return random.pick(["true", "false", "add_generation_prompt", "tools is defined", "messages"]);
  const f = (): string => flag(random, depth - 1);
  const t = (): string => text(random, depth - 1);
  return random.pick<() => string>([
    () => `(${f()} ${random.pick(["and", "or"])} ${f()})`,
    () => `not ${f()}`,
    () => `(${t()} ${random.pick(["==", "!=", "<", ">=", "in", "not in"])} ${t()})`,
    () => `(${number(random, depth - 1)} ${random.pick(["==", "<", ">"])} ${number(random, depth - 1)})`,
    () => `(${t()}) is ${random.pick(["string", "defined", "none", "not mapping", "iterable"])}`,
    () => `(${t()}).${random.pick(["startswith('a')", "endswith(('a', 'b'))", "isdigit()", "isupper()"])}`,
  ])();
}

function list(random: Random, depth: number): string {
  if (depth <= 0) return random.pick(["[1, 2, 3]", "['b', 'a']", "messages", "range(3)", "(1, 'a')", "[]", "'abc'"]);
  const l = (): string => list(random, depth - 1);
  return random.pick<() => string>([
    () =>
      `(${l()}) | ${random.pick(["list", "reverse | list", "batch(2) | list", "slice(2) | list", "unique | list"])}`,
    () => `(${l()} | list)[${random.pick(["1:", "::-1", ":-1", "::2"])}]`,
    () =>
      `messages | ${random.pick(["map(attribute='role') | list", "selectattr('role', 'equalto', 'user') | list", "rejectattr('content') | list", "groupby('role')", "sort(attribute='role')"])}`,
    () => `[${[text, number, mapping].map((make) => make(random, depth - 1)).join(", ")}]`,
    () => `(${text(random, depth - 1)}).split(${random.pick(["", "'a'", "none, 1"])})`,
    () => `(${mapping(random, depth - 1)}).${random.pick(["items()", "keys()", "values()"])} | list`,
  ])();
}

function mapping(random: Random, depth: number): string {
  if (depth <= 0) return random.pick(["{'a': 1}", "messages[0]", "dict(a=1, b='c')", "{}"]);
  return `{'a': ${text(random, depth - 1)}, 'b': ${list(random, depth - 1)}, 1: ${number(random, depth - 1)}}`;
}
