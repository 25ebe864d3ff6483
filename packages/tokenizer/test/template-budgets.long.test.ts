import { expect, test } from "vitest";
import { TokenizerError } from "../src/index.js";
import { tokenizerWith } from "./golden-templates.js";

const CHAT = [{ role: "user", content: "Hi" }];
const LOOP = "{% for a in range(100000) %}";

/** Templates that would end the process, or not come back. */
const BOMBS: readonly string[] = [
  `${LOOP}${LOOP}{{ a }}{% endfor %}{% endfor %}`,
  `${LOOP}${LOOP}{% endfor %}{% endfor %}`,
  "{{ 'x' * 10**9 }}",
  "{{ [0] * 10**12 }}",
  "{{ (1, 2) * 10**12 }}",
  "{{ 7 ** (10 ** 9) }}",
  "{{ range(10 ** 9) }}",
  "{{ 'x'.center(10 ** 12) }}{{ 'x'.zfill(10 ** 12) }}",
  "{{ 'x' | center(10 ** 10) }}",
  "{{ '%1000000000d' % 1 }}",
  "{{ '{:1000000000}'.format(1) }}",
  "{{ '%.1000000000f' % 0.1 }}",
  "{{ 'a\nb' | indent(10 ** 10) }}",
  "{{ [1] | batch(10 ** 12, 0) | list }}",
  "{{ [1] | slice(10 ** 12) | list }}",
  "{{ {} | tojson(indent=10**12) }}",
  "{{ 'x\t'.expandtabs(10 ** 12) }}",
  `{% set ns = namespace(x='xx') %}${LOOP}{% set ns.x = ns.x ~ ns.x %}{% endfor %}`,
  `{% set ns = namespace(x=[1]) %}${LOOP}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}`,
  `{% set ns = namespace(x=[1]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}`,
  `{% set ns = namespace(x=[1], y=[1]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}`,
  `{% set ns = namespace(x=(1,)) %}{% for a in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}`,
  `{% set ns = namespace(x=[1]) %}${LOOP}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}`,
  "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
  "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
  "{% block b %}{{ self.b() }}{% endblock %}",
  `{{ ${"(".repeat(100_000)}1${")".repeat(100_000)} }}`,
  `{{ ${"[".repeat(100_000)} }}`,
  `{{ ${"not ".repeat(100_000)}1 }}`,
  `{{ ${"-".repeat(100_000)}1 }}`,
  `{{ 1${" + 1".repeat(100_000)} }}`,
  `{{ x${" | upper".repeat(100_000)} }}`,
  `{{ x${".y".repeat(100_000)} }}`,
  "{% if 1 %}".repeat(100_000),
  `${"{% for x in [1] %}".repeat(50_000)}`,
  `{{ ${"9".repeat(100_000)} }}`,
  "x".repeat(2 ** 20 + 1),
  "{% include 'x' %}",
  "{{ ''.__class__.__mro__ }}",
  "{{ messages.constructor.constructor('return process')() }}",
  "{{ raise_exception.constructor('x')() }}",
  "{{ messages.append(1) }}",
];

test.each(BOMBS.map((template) => [template.slice(0, 60), template] as const))("%s", (_, template) => {
  expect(() => tokenizerWith(template).applyChatTemplate(CHAT)).toThrow(TokenizerError);
});

test("names of JavaScript are names like any other", () => {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"];
  const template = names
    .map((name) => `[{{ messages[0].${name} }}{{ messages.${name} }}{{ ${name} }}{{ {}.${name} }}]`)
    .join("");
  expect(tokenizerWith(template).applyChatTemplate(CHAT)).toBe("[]".repeat(names.length));
  const own = JSON.parse('{"role": "user", "__proto__": {"polluted": 1}, "constructor": 2}');
  expect(tokenizerWith("{{ messages[0]['__proto__'] }}{{ messages[0].constructor }}").applyChatTemplate([own])).toBe(
    "{'polluted': 1}2",
  );
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

test("messages that hold themselves, functions and objects of classes are refused", () => {
  const ring: { role: string; self?: unknown } = { role: "user" };
  ring.self = ring;
  const tokenizer = tokenizerWith("{{ messages[0].content }}");
  const shared = Array.from({ length: 60 }).reduce<unknown>((inner) => [inner, inner], 1);
  for (const message of [
    ring,
    { role: "user", content: shared },
    { role: "user", content: () => 1 },
    { role: "user", content: new Date(0) },
  ]) {
    expect(() => tokenizer.applyChatTemplate([message])).toThrow(TokenizerError);
  }
  expect(() => tokenizer.applyChatTemplate(CHAT, { tools: [() => 1] })).toThrow(
    /tools\[0\]: expected JSON schemas of functions, got a function/,
  );
});
