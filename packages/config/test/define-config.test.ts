import { describe, expect, test } from "vitest";
import { bool, ConfigError, type ConfigOf, defineConfig, int, number, oneOf, string } from "../src/index.js";

const shape = defineConfig({
  modelType: "shape",
  fields: {
    width: int().default(4),
    halfWidth: number().nullish(),
    hiddenAct: oneOf("silu", "relu").default("silu"),
    useBias: bool().default(false),
    numExperts: int().default(2),
  },
  keys: { numExperts: ["num_experts", "num_local_experts"] },
  derive: (c) => ({ halfWidth: c.halfWidth ?? c.width / 2, area: c.width * c.width }),
  allowedValues: { score_func: ["sigmoid"], area_hint: (c) => [c.area, null] },
  ignored: { note: "it is a note" },
  check: (c, report) => {
    if (c.halfWidth > c.width) report("halfWidth", { expected: `at most ${c.width}`, got: String(c.halfWidth) });
  },
});

function errorOf(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("expected a ConfigError, got nothing");
}

/** What goes wrong, as `key: expected …, got …`. */
function faultsOf(run: () => unknown): string[] {
  return errorOf(run).issues.map((f) => `${f.key}: expected ${f.expected}, got ${f.got}`);
}

describe("parse", () => {
  test("fills defaults, works out what follows, and names the model type", () => {
    expect({ ...shape.parse({ model_type: "shape", use_bias: true }) }).toMatchObject({
      modelType: "shape",
      width: 4,
      halfWidth: 2,
      area: 16,
      hiddenAct: "silu",
      useBias: true,
      numExperts: 2,
    });
  });

  test("lists every fault at once, with key and file", () => {
    const json = {
      model_type: "rectangle",
      width: 0,
      use_bias: "yes",
      hidden_act: "tanh",
      score_func: "softmax",
      hight: 3,
    };
    const parse = () => shape.parse(json, { file: "models/a/config.json" });
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(/^models\/a\/config\.json: expected a valid config, got 6 issues:\n/);
    expect(faultsOf(parse)).toEqual([
      'model_type: expected "shape", got "rectangle"',
      'hight: expected a key of the shape config, got "hight": 3',
      'score_func: expected "sigmoid", since other values need computations that are not implemented, got "softmax"',
      "width: expected an integer of at least 1, got 0",
      'hidden_act: expected one of "silu", "relu", got "tanh"',
      'use_bias: expected true or false, got "yes"',
    ]);
  });

  test("shows as many faults as a person reads, and keeps all", () => {
    const json = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`k${i}`, 0]));
    const parse = () => shape.parse({ model_type: "shape", ...json });
    expect(parse).toThrow(/got 30 issues:(\n {2}k.*){20}\n {2}and 10 more\.$/);
    expect(faultsOf(parse)).toHaveLength(30);
  });

  test("a single fault stands on the first line", () => {
    expect(() => shape.parse({ model_type: "shape", width: 1.5 })).toThrow(
      "config.json: width: expected an integer of at least 1, got 1.5.",
    );
  });

  test("rules between fields run once each field is right by itself", () => {
    expect(faultsOf(() => shape.parse({ model_type: "shape", width: 2, half_width: 3 }))).toEqual([
      "half_width: expected at most 2, got 3",
    ]);
  });

  test("a restricted key can hang on the finished config", () => {
    expect(shape.parse({ model_type: "shape", width: 3, area_hint: 9 }).area).toBe(9);
    expect(shape.parse({ model_type: "shape", width: 3, area_hint: null }).area).toBe(9);
    expect(faultsOf(() => shape.parse({ model_type: "shape", width: 3, area_hint: 8 }))[0]).toMatch(
      /^area_hint: expected 9 or null, .* got 8$/,
    );
  });

  test("null means the default only where a field allows it", () => {
    expect(shape.parse({ model_type: "shape", half_width: null }).halfWidth).toBe(2);
    expect(faultsOf(() => shape.parse({ model_type: "shape", width: null }))).toEqual([
      "width: expected an integer of at least 1, got null",
    ]);
  });

  test("spellings of one field may agree, may be null, and may not disagree", () => {
    expect(shape.parse({ model_type: "shape", num_local_experts: 8 }).numExperts).toBe(8);
    expect(shape.parse({ model_type: "shape", num_experts: 8, num_local_experts: 8 }).numExperts).toBe(8);
    expect(shape.parse({ model_type: "shape", num_experts: null, num_local_experts: 8 }).numExperts).toBe(8);
    expect(faultsOf(() => shape.parse({ model_type: "shape", num_experts: 8, num_local_experts: 4 }))).toEqual([
      "num_local_experts: expected 8, the value of num_experts, which is another spelling of the same key, got 4",
    ]);
  });

  test("a fault is reported under the spelling that the file uses", () => {
    expect(faultsOf(() => shape.parse({ model_type: "shape", num_local_experts: 0 }))).toEqual([
      "num_local_experts: expected an integer of at least 1, got 0",
    ]);
  });

  test("names the key that a misspelt one is near to, and how to let an unknown one pass", () => {
    const parse = () => shape.parse({ model_type: "shape", numExperts: 2 });
    expect(parse).toThrow("expected a key of the shape config, such as num_experts");
    expect(parse).toThrow('pass ignore: ["numExperts"]');
  });

  test.each<[json: object, advice: string[]]>([
    [{ numExperts: 2 }, ["pass --ignore numExperts."]],
    [{ numExperts: 2, owner: "x" }, ["pass --ignore numExperts", "pass --ignore owner"]],
  ])("names options in the syntax of the reader, for one issue and for each of several: %j", (json, advice) => {
    const error = errorOf(() => shape.parse({ model_type: "shape", ...json }));
    const lines = error.messageFor((name, value) => `--${name} ${value}`).split("\n");
    expect(lines.slice(-advice.length)).toEqual(advice.map((text) => expect.stringContaining(text)));
    expect(error.messageFor(() => undefined)).not.toContain("pass");
    expect(error.message).toContain('pass ignore: ["numExperts"]');
  });

  test("an unknown key passes where the caller says so, and is kept", () => {
    const config = shape.parse({ model_type: "shape", owner: { name: "x" } }, { ignore: ["owner"] });
    expect(shape.toJSON(config)).toEqual({ model_type: "shape", owner: { name: "x" } });
    expect(shape.toJSON({ ...config, useBias: true })).toEqual({
      model_type: "shape",
      owner: { name: "x" },
      use_bias: true,
    });
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a number", 4],
    ["a list", []],
    ["a string", "{}"],
    ["a function", () => ({})],
    ["NaN inside", { model_type: "shape", width: Number.NaN }],
    ["a bigint inside", { model_type: "shape", width: 4n }],
    ["nesting without end", nested(100_000)],
  ])("refuses %s", (_, json) => {
    expect(() => shape.parse(json)).toThrow(ConfigError);
  });

  test("refuses an object that holds itself", () => {
    const json: Record<string, unknown> = { model_type: "shape" };
    json.note = json;
    expect(() => shape.parse(json)).toThrow("a value nested more than 64 deep");
  });

  test("a key named like a part of Object is a key like any other", () => {
    const json: unknown = JSON.parse('{"model_type": "shape", "__proto__": {"width": 3}, "constructor": 1}');
    expect(faultsOf(() => shape.parse(json))).toHaveLength(2);
    const config = shape.parse(json, { ignore: ["__proto__", "constructor"] });
    expect(config.width).toBe(4);
    expect(JSON.stringify(shape.toJSON(config))).toBe(JSON.stringify(json));
  });

  test("later changes to the file's object change nothing", () => {
    const json = { model_type: "shape", note: { a: [1] } };
    const config = shape.parse(json);
    json.note.a.push(2);
    const written = shape.toJSON(config);
    expect(written.note).toEqual({ a: [1] });
    (written.note as { a: number[] }).a.push(3);
    expect(shape.toJSON(config).note).toEqual({ a: [1] });
  });
});

describe("create", () => {
  test("takes camelCase and fills the rest", () => {
    expect(shape.create({ width: 6 })).toMatchObject({ width: 6, halfWidth: 3, area: 36, modelType: "shape" });
    expect(shape.create()).toMatchObject({ width: 4 });
  });

  test("reports in camelCase", () => {
    expect(() => shape.create({ width: 0 })).toThrow("shape config: width: expected an integer of at least 1, got 0.");
    expect(faultsOf(() => shape.create({ width: 2, halfWidth: 3 }))).toEqual(["halfWidth: expected at most 2, got 3"]);
    const typo = { widht: 3 } as { width?: number };
    expect(faultsOf(() => shape.create(typo))).toEqual(['widht: expected a field of the shape config, got "widht"']);
  });

  test("a field that only another definition knows is named with the way out", () => {
    const config = { ...shape.create({ width: 6 }), tint: 3 };
    expect(() => shape.toJSON(config)).toThrow(
      'shape config: tint: expected a field of the shape config, got "tint": 3. If your family ' +
        "adds config fields, give it its own config definition.",
    );
  });

  test("takes a whole config, and nothing that contradicts it", () => {
    const config = shape.create({ width: 6 });
    expect(shape.create(config)).toMatchObject({ width: 6, halfWidth: 3, area: 36 });
    const wrong = { ...config, area: 35 };
    expect(faultsOf(() => shape.create(wrong))).toEqual([
      "area: expected 36, as derived from the other fields, got 35",
    ]);
  });

  test("what derive overrules is refused, not lost", () => {
    const gated = defineConfig({
      modelType: "gated",
      fields: { useWindow: bool().default(false), window: int().nullable().default(8) },
      derive: (c) => ({ window: c.useWindow ? c.window : null }),
    });
    expect(gated.parse({ model_type: "gated", window: 8 }).window).toBeNull();
    expect(faultsOf(() => gated.create({ window: 4 }))).toEqual([
      "window: expected null, as derived from the other fields, got 4",
    ]);
    expect(gated.create({ useWindow: true, window: 4 }).window).toBe(4);
  });
});

describe("toJSON", () => {
  test("gives back the source, spelling by spelling", () => {
    const json = { num_local_experts: 8, note: null, model_type: "shape", half_width: null, score_func: "sigmoid" };
    expect(JSON.stringify(shape.toJSON(shape.parse(json)))).toBe(JSON.stringify(json));
  });

  test("rewrites a changed value in the spelling of the source, in every one of them", () => {
    const json = { model_type: "shape", num_local_experts: 8, num_experts: 8, note: 1 };
    expect(shape.toJSON({ ...shape.parse(json), numExperts: 4 })).toEqual({
      model_type: "shape",
      num_local_experts: 4,
      num_experts: 4,
      note: 1,
    });
  });

  test("writes what followed from a value that changed", () => {
    const config = shape.parse({ model_type: "shape", width: 4 });
    expect(shape.toJSON({ ...config, width: 8, area: 64 })).toEqual({ model_type: "shape", width: 8, half_width: 2 });
  });

  test("refuses a value that would not come back", () => {
    const config = shape.parse({ model_type: "shape", width: 4 });
    expect(faultsOf(() => shape.toJSON({ ...config, width: 8 }))).toEqual([
      "area: expected 64, as derived from the other fields, got 16",
    ]);
    expect(faultsOf(() => shape.toJSON({ ...config, modelType: "other" }))).toEqual([
      'modelType: expected "shape", as derived from the other fields, got "other"',
    ]);
  });

  test("writes a config made in code in full, and reads it back", () => {
    const config = shape.create({ width: 6 });
    const json = shape.toJSON(config);
    expect(json).toEqual({
      model_type: "shape",
      width: 6,
      half_width: 3,
      hidden_act: "silu",
      use_bias: false,
      num_experts: 2,
    });
    expect({ ...shape.parse(json) }).toMatchObject({ ...Object.fromEntries(Object.entries(config)) });
  });

  test("a config that lost its source is written in full", () => {
    const config = structuredClone(shape.parse({ model_type: "shape", width: 6, note: "lost" }));
    expect(shape.toJSON(config)).toEqual(shape.toJSON(shape.create({ width: 6 })));
  });
});

describe("stringify", () => {
  const tuned = defineConfig({
    modelType: "tuned",
    extends: shape,
    fields: {
      scale: number().default(1),
      bias: number().nullable().default(null),
      tinyEps: number().default(1e-7),
      huge: number().default(1e21),
    },
  });

  test("is the JSON, with a point in what need not be whole", () => {
    const config = tuned.parse({ model_type: "tuned", scale: 1, num_experts: 2, bias: -3, note: 1, half_width: 2 });
    expect(tuned.stringify({ ...config, huge: 1e22 })).toBe(`{
  "model_type": "tuned",
  "scale": 1.0,
  "num_experts": 2,
  "bias": -3.0,
  "note": 1,
  "half_width": 2.0,
  "huge": 1e+22
}
`);
    expect(JSON.parse(tuned.stringify(config))).toEqual(tuned.toJSON(config));
    expect(JSON.parse(tuned.stringify(tuned.create()))).toEqual(tuned.toJSON(tuned.create()));
  });

  test("indents what nests", () => {
    const config = shape.parse({ model_type: "shape", note: { a: [1, { b: "x\ny" }], c: {} } });
    expect(shape.stringify(config)).toBe(`${JSON.stringify(shape.toJSON(config), null, 2)}\n`);
  });
});

describe("with", () => {
  test("works out anew what follows", () => {
    const config = shape.with(shape.parse({ model_type: "shape", note: 1 }), { width: 8 });
    expect(config).toMatchObject({ width: 8, halfWidth: 4, area: 64 });
    expect(shape.toJSON(config)).toEqual({ model_type: "shape", note: 1, width: 8 });
  });

  test("keeps what the source says", () => {
    const config = shape.parse({ model_type: "shape", half_width: 3 });
    expect(shape.with(config, { width: 8 }).halfWidth).toBe(3);
    expect(faultsOf(() => shape.with(config, { width: 2 }))).toEqual(["half_width: expected at most 2, got 3"]);
  });

  test("keeps what a spread changed", () => {
    const config = { ...shape.parse({ model_type: "shape" }), useBias: true };
    expect(shape.with(config, { width: 8 })).toMatchObject({ useBias: true, width: 8 });
  });
});

describe("check", () => {
  test("returns a sound config and refuses one that contradicts itself", () => {
    const config = { ...shape.create({ width: 6 }), useBias: true };
    expect(shape.check(config)).toBe(config);
    expect(faultsOf(() => shape.check({ ...config, halfWidth: 7 }))).toEqual(["halfWidth: expected at most 6, got 7"]);
  });
});

describe("extends", () => {
  const square = defineConfig({
    modelType: "square",
    extends: shape,
    fields: { width: int().default(9), colour: string().nullable().default(null), note: number().default(0) },
    derive: (c, given) => ({ area: c.width * c.width + (given.note ?? 0) }),
    check: (c, report) => {
      if (c.colour === "mauve") report("colour", { expected: "a colour", got: "mauve" });
    },
  });
  const small = defineConfig({ modelType: "small", extends: square, fields: { width: int().default(1) } });

  test("inherits fields, spellings, rules and restricted keys, to any depth", () => {
    const config: ConfigOf<typeof small> = small.parse({ model_type: "small", num_local_experts: 3, note: 5 });
    expect(config).toMatchObject({ width: 1, area: 6, numExperts: 3, colour: null, halfWidth: 0.5 });
    expect(faultsOf(() => small.create({ halfWidth: 2, colour: "mauve" }))).toEqual([
      "halfWidth: expected at most 1, got 2",
      "colour: expected a colour, got mauve",
    ]);
    expect(faultsOf(() => small.parse({ model_type: "small", score_func: "tanh" }))).toHaveLength(1);
  });

  test("is made out of a config of its base", () => {
    const { area: _, ...base } = shape.create({ width: 3, numExperts: 5 });
    const config = square.create({ ...base, colour: "red" });
    expect(config).toMatchObject({ modelType: "square", width: 3, numExperts: 5, colour: "red" });
    expect(square.toJSON(config)).toMatchObject({ model_type: "square" });
  });

  test("a field takes its key over from what the base ignored or restricted", () => {
    expect(shape.explain("note")).toEqual({ role: "ignored", reason: "it is a note" });
    expect(square.explain("note")).toEqual({ role: "field", field: "note" });
    const free = defineConfig({
      modelType: "free",
      extends: shape,
      fields: { scoreFunc: string().default("sigmoid") },
    });
    expect(free.parse({ model_type: "free", score_func: "softmax" }).scoreFunc).toBe("softmax");
  });

  test("a field of the level wins over what the base worked out, unless it is null", () => {
    const given = defineConfig({ modelType: "g", extends: shape, fields: { area: int().nullish() } });
    expect(given.create({ width: 2, area: 7 }).area).toBe(7);
    expect(given.create({ width: 2 }).area).toBe(4);
  });

  test("two meanings of one key are a mistake of the definition", () => {
    const define = (extra: object) => () => defineConfig({ modelType: "x", extends: shape, ...extra });
    expect(define({ allowedValues: { width: [4] } })).toThrow(
      "width is the key of the field width: redeclare the field.",
    );
    expect(define({ ignored: { width: "no" } })).toThrow(TypeError);
    expect(define({ fields: { experts: int() }, keys: { experts: ["num_experts"] } })).toThrow(
      "Both numExperts and experts claim the key num_experts.",
    );
  });
});

describe("explain", () => {
  test("says what becomes of a key", () => {
    expect(shape.explain("model_type")).toEqual({ role: "field", field: "modelType" });
    expect(shape.explain("num_local_experts")).toEqual({ role: "field", field: "numExperts" });
    expect(shape.explain("score_func")).toEqual({ role: "restricted" });
    expect(shape.explain("hight")).toBeUndefined();
  });
});

function nested(depth: number): unknown {
  let value: unknown = null;
  for (let i = 0; i < depth; i++) value = [value];
  return { model_type: "shape", note: value };
}
