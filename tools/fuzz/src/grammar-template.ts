/** Generates chat templates by grammar: most are valid Jinja that does odd things. */

import type { Random } from "./random.js";

const NAMES = [
  "messages",
  "message",
  "tools",
  "bos_token",
  "eos_token",
  "add_generation_prompt",
  "x",
  "y",
  "loop",
  "ns",
  "documents",
  "undefined_name",
  "namespace",
  "range",
  "dict",
  "lipsum",
  "cycler",
  "joiner",
  "self",
  "super",
  "raise_exception",
  "strftime_now",
  "__class__",
  "constructor",
];
const KEYS = [
  "role",
  "content",
  "0",
  "-1",
  "length",
  "__proto__",
  "__class__",
  "constructor",
  "prototype",
  "tool_calls",
  "items",
  "format",
  "index",
];
const METHODS = [
  "strip",
  "lstrip",
  "rstrip",
  "split",
  "rsplit",
  "upper",
  "lower",
  "title",
  "replace",
  "startswith",
  "endswith",
  "items",
  "keys",
  "values",
  "get",
  "append",
  "pop",
  "join",
  "format",
  "find",
  "count",
  "splitlines",
  "__init__",
  "constructor",
  "toString",
  "mro",
  "encode",
  "ljust",
  "zfill",
  "copy",
  "update",
];
const FILTERS = [
  "trim",
  "upper",
  "length",
  "join",
  "tojson",
  "string",
  "int",
  "float",
  "list",
  "reverse",
  "sort",
  "unique",
  "first",
  "last",
  "default",
  "replace",
  "map",
  "select",
  "reject",
  "selectattr",
  "rejectattr",
  "items",
  "dictsort",
  "indent",
  "batch",
  "slice",
  "sum",
  "min",
  "max",
  "abs",
  "round",
  "center",
  "wordwrap",
  "truncate",
  "groupby",
  "attr",
  "safe",
  "e",
  "escape",
  "urlencode",
  "format",
  "xmlattr",
  "nosuchfilter",
  "random",
  "pprint",
];
const TESTS = [
  "defined",
  "undefined",
  "none",
  "string",
  "mapping",
  "iterable",
  "number",
  "odd",
  "even",
  "sequence",
  "divisibleby(0)",
  "sameas(x)",
  "in messages",
  "eq(1)",
  "nosuchtest",
  "boolean",
  "callable",
  "true",
];
const LITERALS = [
  "0",
  "1",
  "-1",
  "99999999999999999999",
  "1e308",
  "0.1",
  "''",
  "'a'",
  "'%s'",
  "'{}'",
  "'{0.__class__}'",
  "[]",
  "{}",
  "[1,2,3]",
  "{'a': 1}",
  "none",
  "true",
  "None",
  "True",
  "'\\n'",
  "'\\ud800'",
  "()",
  "(1,)",
  "1_000",
  `'${"é".repeat(50)}'`,
];
const BOMBS = [
  "{% for a in range(10**9) %}x{% endfor %}",
  "{% for a in range(1000000) %}{% for b in range(1000000) %}x{% endfor %}{% endfor %}",
  "{{ 'x' * 10**10 }}",
  "{{ 'x' * 1000000000 }}",
  "{{ [0] * 10**9 }}",
  "{{ range(10**12) | list }}",
  "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
  "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
  "{{ 2 ** 100000 }}",
  "{{ 10 ** 10 ** 10 }}",
  "{{ '%1000000000d' % 1 }}",
  "{{ '{:>1000000000}'.format(1) }}",
  "{{ 'a'.ljust(1000000000) }}",
  "{{ 'a'.center(10**9) }}",
  "{{ 'a' | center(1000000000) }}",
  "{{ 'a' | indent(1000000000) }}",
  "{{ 'aaaa'.replace('', 'x' * 100000) }}",
  "{% macro a(n) %}{% if n > 0 %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(50) }}",
  "{{ messages | map(attribute='content') | list | join('x' * 1000000) }}",
  "{% set x = [] %}{% for i in range(100) %}{% set _ = x.append(x) %}{% endfor %}{{ x }}",
  "{% set x = {} %}{% set _ = x.update({'x': x}) %}{{ x | tojson }}",
  "{% set x = [] %}{% set _ = x.append(x) %}{{ x | tojson }}{{ x | string }}{{ x == x }}",
  "{{ lipsum(100000) }}",
  "{% for i in cycler('a') %}{% endfor %}",
  "{{ 'a'.zfill(10**9) }}",
  "{{ 'x'.join(range(10**8)) }}",
  "{% for a in messages recursive %}{{ loop(messages) }}{% endfor %}",
  "{{ range(10**9) | sum }}",
  "{{ range(10**9) | batch(1) | list }}",
  "{{ 'a,' * 100000 | wordcount }}",
  "{{ (1,) * 10**9 }}",
  "{{ 'ab'.split('') }}",
  "{{ 1 // 0 }}{{ 1 % 0 }}",
];

/** Generates a template. */
export function template(random: Random): string {
  const kind = random.next();
  if (kind < 0.02) return random.pick(BOMBS);
  if (kind < 0.03) return random.pick(["{{ ", "{% if "]).concat("(".repeat(random.pick([100, 5000, 50_000])));
  if (kind < 0.04)
    return "{% if x %}".repeat(random.pick([100, 5000])) + "{% endif %}".repeat(random.pick([100, 5000]));
  if (kind < 0.05)
    return `{{ ${"-".repeat(random.pick([100, 20_000]))}1 }}{{ ${"not ".repeat(random.pick([100, 20_000]))}x }}`;
  if (kind < 0.06)
    return `{{ ${Array(random.pick([100, 20_000]))
      .fill("1")
      .join(random.pick(["+", "~", " and ", "**", ".", "[", "|"]))} }}`;
  if (kind < 0.07) return `{{ x${random.pick([".a", "[0]", "()", "|trim"]).repeat(random.pick([100, 20_000]))} }}`;
  if (kind < 0.08)
    return (
      random.pick(["{#", "{{'", '{{"', "{%", "{%-", "{% raw %}", "{".repeat(10_000)]) +
      "x".repeat(random.pick([1, 50_000]))
    );
  return body(random, 3);
}

function body(random: Random, depth: number): string {
  return Array.from({ length: 1 + random.below(3) }, () => statement(random, depth)).join("");
}

function statement(random: Random, depth: number): string {
  const e = (): string => expression(random, depth);
  const inner = (): string => (depth > 0 ? body(random, depth - 1) : "t");
  switch (random.below(12)) {
    case 0:
      return `{% if ${e()} %}${inner()}{% elif ${e()} %}${inner()}{% else %}${inner()}{% endif %}`;
    case 1:
      return `{% for ${random.pick(["x", "x, y", "message"])} in ${random.pick(["messages", "range(3)", e()])} %}${inner()}{% if loop.first %}{% ${random.pick(["break", "continue", "set y = 1"])} %}{% endif %}{% endfor %}`;
    case 2:
      return `{% set ${random.pick(["x", "y", "ns.x", "x, y", "messages[0].role"])} = ${e()} %}`;
    case 3:
      return `{% macro m(x, y=${e()}) %}${inner()}{% endmacro %}{{ m(${e()}, ${e()}) }}`;
    case 4:
      return `{% set x %}${inner()}{% endset %}`;
    case 5:
      return `{% ${random.pick(["generation", "filter upper", "call m(1)", "with x = 1", "block b", "autoescape true"])} %}${inner()}{% ${random.pick(["endgeneration", "endfilter", "endcall", "endwith", "endblock", "end"])} %}`;
    case 6:
      return random.pick([
        "text\n",
        "<|im_start|>",
        "\r\n",
        "{{",
        "}}",
        "%}",
        "{#c#}",
        "{% include 'x' %}",
        "{% import 'os' as os %}",
        "{% extends x %}",
        "\u0000",
        "\ud800",
        "\x1b[2J",
      ]);
    default:
      return `{{${random.pick(["", "-"])} ${e()} ${random.pick(["", "-"])}}}`;
  }
}

function expression(random: Random, depth: number): string {
  if (depth <= 0) return random.pick([...NAMES, ...LITERALS]);
  const e = (): string => expression(random, depth - 1);
  switch (random.below(12)) {
    case 0:
      return `${e()} ${random.pick(["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "and", "or", "in", "not in", "is", "**"])} ${e()}`;
    case 1:
      return `${e()}.${random.pick(KEYS)}`;
    case 2:
      return `${e()}[${random.pick([`'${random.pick(KEYS)}'`, e(), ":", "::-1", "1:", ":-1", "::0", `${e()}:${e()}`])}]`;
    case 3:
      return `${e()}.${random.pick(METHODS)}(${random.times(2, e).join(", ")})`;
    case 4:
      return `${e()} | ${random.pick(FILTERS)}${random.chance(0.4) ? `(${random.times(2, e).join(", ")})` : ""}`;
    case 5:
      return `${e()} is ${random.chance(0.3) ? "not " : ""}${random.pick(TESTS)}`;
    case 6:
      return `(${e()} if ${e()} else ${e()})`;
    case 7:
      return `[${random.times(3, e).join(", ")}]`;
    case 8:
      return `{${random.times(2, () => `${random.pick(["'a'", "1", e()])}: ${e()}`).join(", ")}}`;
    case 9:
      return `${random.pick(["not ", "-", "+"])}${e()}`;
    case 10:
      return `${random.pick(NAMES)}(${random.times(3, () => (random.chance(0.3) ? `a=${e()}` : e())).join(", ")})`;
    default:
      return random.pick([...NAMES, ...LITERALS]);
  }
}
