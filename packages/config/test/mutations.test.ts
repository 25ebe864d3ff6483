import fc from "fast-check";
import { expect, test } from "vitest";
import { ConfigError, type ConfigOf, decoderConfig } from "../src/index.js";

/** A few hundred, and thousands in `npm run test:long`. */
const RUNS = process.env.MIXTAPE_TEST_LONG ? 2500 : 500;

/** A file with every kind of value, and every key that is read in a way of its own. */
const json = {
  model_type: "decoder",
  architectures: ["LlamaForCausalLM"],
  hidden_size: 64,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  num_hidden_layers: 2,
  layer_types: ["sliding_attention", "sliding_attention"],
  sliding_window: 16,
  vocab_size: 100,
  eos_token_id: [1, 2],
  dtype: "float32",
  torch_dtype: "float32",
  rope_theta: 1e4,
  rope_scaling: {
    type: "longrope",
    short_factor: [1, 1, 1, 1, 1, 1, 1, 1],
    long_factor: [2, 2, 2, 2, 2, 2, 2, 2],
    original_max_position_embeddings: 128,
    factor: 4,
  },
  rope_parameters: { rope_type: "yarn", factor: null, truncate: false, mscale: 0.5 },
  id2label: { "0": "a", "1": "b" },
  label2id: { a: 0, b: 1 },
  num_labels: 2,
  quantization_config: null,
};

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  const inside = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return [path, ...inside.flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

/** `value` with what lies at `path` replaced, or taken out where the replacement is `undefined`. */
function edit(value: unknown, [key, ...rest]: Path, replacement: unknown): unknown {
  if (key === undefined) return replacement;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(
    ([k, item]) => [k, k === key ? edit(item, rest, replacement) : item] as const,
  );
  const kept = entries.filter(([, item]) => item !== undefined);
  return Array.isArray(value) ? kept.map(([, item]) => item) : Object.fromEntries(kept);
}

const hostile = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    undefined,
    null,
    0,
    -0,
    1,
    -1,
    0.5,
    2 ** 31,
    2 ** 53,
    1e308,
    5e-324,
    "",
    "default",
    "linear",
    "dynamic",
  ),
  fc.constantFrom<unknown>(
    "yarn",
    "llama3",
    "silu",
    "sliding_attention",
    true,
    [],
    {},
    { rope_type: "linear", factor: 2 },
  ),
  fc.nat(20_000),
);
const edits = fc.array(fc.tuple(fc.constantFrom(...pathsOf(json).slice(1)), hostile), { minLength: 1, maxLength: 3 });
const added = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("__proto__", "toString", "num_experts")), hostile, {
  maxKeys: 1,
});

test("mutated files are read or refused, and what is read comes back", () => {
  let read = 0;
  fc.assert(
    fc.property(edits, fc.option(added, { freq: 10, nil: {} }), (changes, extra) => {
      const mutated = changes.reduce<unknown>((value, [path, replacement]) => edit(value, path, replacement), json);
      const source: unknown = { ...(mutated as object), ...extra };
      let config: ConfigOf<typeof decoderConfig>;
      try {
        config = decoderConfig.parse(source);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        return;
      }
      read++;
      const written = decoderConfig.toJSON(config);
      expect(JSON.stringify(written)).toBe(JSON.stringify(source));
      expect(decoderConfig.parse(written)).toEqual(config);
    }),
    { numRuns: RUNS },
  );
  // The property would hold for a reader that refuses everything.
  expect(read).toBeGreaterThan(RUNS / 40);
});

test("configs put together by hand are written so that they come back, or refused", () => {
  const config = decoderConfig.parse(json);
  const name = fc.constantFrom(...Object.keys(config));
  let written = 0;
  fc.assert(
    fc.property(fc.dictionary(name, hostile, { minKeys: 1, maxKeys: 2 }), (changes) => {
      const changed = { ...config, ...changes } as typeof config;
      let back: Record<string, unknown>;
      try {
        back = decoderConfig.toJSON(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        return;
      }
      written++;
      // Through JSON, which has no symbols and one zero.
      expect(JSON.parse(JSON.stringify(decoderConfig.parse(back)))).toEqual(JSON.parse(JSON.stringify(changed)));
    }),
    { numRuns: RUNS },
  );
  expect(written).toBeGreaterThan(RUNS / 100);
});
