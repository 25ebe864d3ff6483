/** Structure-aware mutations of JSON: the text mostly stays JSON, but its contents do not make sense. */

import { type Json, placesOf } from "./json-places.js";
import { mutateMildly } from "./mutate-mildly.js";
import type { Random } from "./random.js";

const MARK = "@raw@";

/** Unusual JSON texts. Functions create them each time, since they are long. */
const EXTREMES: readonly ((random: Random) => string)[] = [
  ...[
    "0",
    "-0",
    "-1",
    "1",
    "2",
    "0.5",
    "1e999",
    "-1e999",
    "1e308",
    "5e-324",
    "2147483647",
    "2147483648",
    "4294967296",
    "9007199254740991",
    "9007199254740993",
    "18446744073709551616",
    "1e21",
    "100000",
    "1000000",
    "1000000000",
    "1.0",
    "3.0000000000000001",
    "null",
    "true",
    "false",
    '""',
    '" "',
    '"0"',
    '"1"',
    '"NaN"',
    '"Infinity"',
    '"null"',
    '"__proto__"',
    '"constructor"',
    '"\\u0000"',
    '"\\ud800"',
    '"\\u202e"',
    '"\\u001b[2J"',
    '"../../etc/passwd"',
    '"/dev/zero"',
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[0]",
    '[""]',
    "[{}]",
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"toString":1}',
    '{"length":1e9}',
    '{"type":"Sequence"}',
    '{"content":""}',
    '{"Regex":"(a+)+$"}',
    '{"String":""}',
    '{"id":-1}',
  ].map((text) => () => text),
  (random) => `${"[".repeat(random.pick([100, 3000, 20_000]))}`.concat("]"),
  (random) => {
    const depth = random.pick([100, 3000, 20_000]);
    return "[".repeat(depth) + "]".repeat(depth);
  },
  (random) => {
    const depth = random.pick([100, 3000, 20_000]);
    return `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  },
  (random) => {
    const depth = random.pick([100, 1000]);
    return '{"type":"Sequence","normalizers":['.repeat(depth) + "]}".repeat(depth);
  },
  (random) => JSON.stringify("x".repeat(random.pick([1000, 100_000]))),
  (random) => JSON.stringify("\u0301".repeat(random.pick([1000, 20_000]))),
  (random) =>
    `[${Array(random.pick([100, 10_000]))
      .fill(random.pick(["0", '"a"', "null", "{}"]))
      .join(",")}]`,
  (random) => `{${Array.from({ length: random.pick([100, 5000]) }, (_, i) => `"k${i}":${i}`).join(",")}}`,
  (random) => `${random.below(2 ** 31)}`,
  (random) => `${random.next() * 10 ** (random.below(40) - 20)}`,
  () => "1".repeat(400),
];

const KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "length",
  "",
  "a",
  "type",
  "0",
  "hasOwnProperty",
  "\u0000",
  "then",
  "toJSON",
];

/** Mutates a JSON text: in every second case so little that it may be accepted and used. */
export function mutateJson(source: string, random: Random): string {
  return random.chance(0.5) ? mutateMildly(source, random) : mutateWildly(source, random);
}

/** Returns a JSON text with one to four changes. */
function mutateWildly(source: string, random: Random): string {
  const root = JSON.parse(source) as Json;
  const raws: string[] = [];
  const extreme = (): string => {
    raws.push(random.pick(EXTREMES)(random));
    return `${MARK}${raws.length - 1}`;
  };
  let value: Json = root;
  for (let i = 1 + random.below(4); i > 0; i--) value = changed(value, random, extreme);
  let text = JSON.stringify(value);
  for (const [i, raw] of raws.entries()) text = text.replace(`"${MARK}${i}"`, () => raw);
  return random.chance(0.05) ? damaged(text, random) : text;
}

function changed(root: Json, random: Random, extreme: () => Json): Json {
  const places = placesOf(root);
  if (places.length === 0) return extreme();
  const [parent, key] = random.pick(places);
  const get = (): Json => (parent as Record<string | number, Json>)[key]!;
  const set = (value: Json): void => {
    Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
  };
  switch (random.below(8)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      break;
    case 1: {
      const target = get();
      const holder = typeof target === "object" && target !== null ? target : parent;
      if (Array.isArray(holder)) holder.push(extreme());
      else
        Object.defineProperty(holder, random.pick(KEYS), {
          value: extreme(),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      break;
    }
    case 2: {
      const [other, otherKey] = random.pick(places);
      set(structuredClone((other as Record<string | number, Json>)[otherKey] ?? null));
      break;
    }
    case 3:
      set([get()]);
      break;
    case 4: {
      const value = get();
      if (typeof value === "number")
        set(random.pick([-value, value + 1, value - 1, value * 2, value / 3, value * 1e6]));
      else if (typeof value === "string")
        set(random.pick([value.slice(1), value + value, value.toUpperCase(), ` ${value}`, `${value}\u0000`]));
      else if (typeof value === "boolean") set(!value);
      else set(extreme());
      break;
    }
    default:
      set(extreme());
  }
  return root;
}

/** Returns text that is not JSON any more, or other JSON. */
function damaged(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const piece = random.pick(["", "{", "}", "[", ",", '"', "\\", "\u0000", "//", "NaN", "'", "\ufeff", '"a":1,"a":2,']);
  return text.slice(0, at) + piece + text.slice(at + random.below(4));
}
