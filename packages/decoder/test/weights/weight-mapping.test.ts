import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromFloat32, openSafetensors, writeSafetensors } from "@mixtape/safetensors";
import { beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import {
  add,
  concat,
  convert,
  DecoderError,
  deinterleave,
  expertWeights,
  from,
  ignore,
  keepFloat32,
  matchTensors,
  rename,
  sourcesOf,
  split,
  squeeze,
  stack,
  transpose,
  type WeightMapping,
  type WeightMappings,
} from "../../src/index.js";
import { type TinyConfig, useCpu } from "../support/tiny.js";
import { contentsOf, fileOf, load, Params, sample, save, valuesOf } from "../support/weights.js";

beforeAll(useCpu);

const mappings = [
  rename("mlp.*", "block.*", "mlp.*"),
  rename("mlp.router.gate.weight", "mlp.gate.weight"),
  ...expertWeights({ gate: "w1", up: "w3", down: "w2" }),
];
const namesOf = (name: string) => sourcesOf(name, mappings).sources.map(({ tensors }) => tensors.join(" "));

describe("where a parameter lies", () => {
  test("without a mapping, under its own name", () => {
    expect(namesOf("model.norm.weight")).toEqual(["model.norm.weight"]);
  });

  test("a rename takes the end of a name, and only whole parts of it; a path, after that", () => {
    expect(namesOf("model.layers.7.mlp.router.gate.weight")).toEqual([
      "model.layers.7.block.gate.weight",
      "model.layers.7.mlp.gate.weight",
    ]);
    expect(namesOf("mlp.router.gate.weight")[0]).toBe("block.gate.weight");
    expect(namesOf("model.layers.0.other_mlp.router.gate.weight")).toEqual([
      "model.layers.0.other_mlp.router.gate.weight",
    ]);
    expect(namesOf("model.mlp_norm.weight")).toEqual(["model.mlp_norm.weight"]);
  });

  test("experts lie one by one, or stacked with gate and up as one, or each by itself", () => {
    const experts = "model.layers.1.block.experts";
    const inMemory = "model.layers.1.mlp.experts";
    expect(namesOf("model.layers.1.mlp.experts.up_proj")).toEqual([
      `${experts}.*.w1.weight ${experts}.*.w3.weight`,
      `${inMemory}.*.w1.weight ${inMemory}.*.w3.weight`,
      `${experts}.gate_up_proj`,
      `${inMemory}.gate_up_proj`,
      ...["switch_mlp", "experts"].flatMap((part) =>
        ["block", "mlp"].map((block) => {
          const of = `model.layers.1.${block}.${part}`;
          return `${of}.gate_proj.weight ${of}.up_proj.weight`;
        }),
      ),
    ]);
    expect(namesOf("model.layers.1.mlp.experts.down_proj")).toEqual([
      `${experts}.*.w2.weight`,
      `${inMemory}.*.w2.weight`,
      `${experts}.down_proj`,
      `${inMemory}.down_proj`,
      ...["switch_mlp", "experts"].flatMap((part) =>
        ["block", "mlp"].map((block) => `model.layers.1.${block}.${part}.down_proj.weight`),
      ),
    ]);
    expect(sourcesOf("model.layers.1.mlp.experts.up_proj", mappings).names).toEqual([
      "model.layers.1.mlp.experts.gate_proj",
      "model.layers.1.mlp.experts.up_proj",
    ]);
  });
});

const layer = () => new Params({ mixer: new Params({ a: [4, 3], norm: [3] }), mlp: new Params({ b: [2, 3] }) });
const layers = () => new Params({ layer0: layer(), layer1: layer() });

describe("renamed paths", () => {
  const some: WeightMapping[] = [
    rename("layer1.mixer.*", "layer1.linear_attn.*", "layer1.mixer.*"),
    convert("layer1.mixer.norm", from("layer1.mixer.norm.weight", add(1))),
  ];

  test("some layers have other names, with other mappings below them", async () => {
    const file = await fileOf({
      "layer0.mixer.a": sample([4, 3], 1),
      "layer0.mixer.norm": sample([3], 2),
      "layer0.mlp.b": sample([2, 3], 3),
      "layer1.linear_attn.a": sample([4, 3], 4),
      "layer1.linear_attn.norm.weight": sample([3], 5),
      "layer1.mlp.b": sample([2, 3], 6),
    });
    const module = layers();
    await load(module, file, some);
    const values = await valuesOf(module);
    expect(values["layer1.mixer.a"]).toEqual(sample([4, 3], 4).values);
    expect(values["layer1.mixer.norm"]).toEqual(Array.from(sample([3], 5).values, (value) => value + 1));
    expect(await contentsOf(await save(module, some))).toEqual(await contentsOf(file));
  });

  test("another name is read, and not written", async () => {
    const module = new Params({ layer1: layer() });
    const disk = {
      "layer1.mlp.b": sample([2, 3]),
      "layer1.mixer.a": sample([4, 3]),
      "layer1.mixer.norm.weight": sample([3]),
    };
    await load(module, await fileOf(disk), some);
    expect(Object.keys(await contentsOf(await save(module, some)))).toEqual([
      "layer1.linear_attn.a",
      "layer1.linear_attn.norm.weight",
      "layer1.mlp.b",
    ]);
  });
});

test("what is ignored is passed over without a word, under any prefix; the rest is as before", async () => {
  const ignoring = [ignore("model.layers.2.*"), ignore("mtp.*")];
  const source = await openSafetensors(
    await fileOf({
      a: sample([2]),
      "model.layers.2.eh_proj.weight": sample([2]),
      "layers.2.mlp.experts.0.w1.weight": sample([2]),
      "model.layers.20.norm": sample([2]),
      "mtp.fc.weight_scale": sample([2]),
      "not.mtp.fc": sample([2]),
    }),
  );
  const { faults, unused, jobs } = matchTensors(new Params({ a: [2] }), source, ignoring);
  expect(faults).toEqual({ missing: [], misshaped: [], unexpected: [] });
  expect(unused).toEqual(["model.layers.20.norm", "not.mtp.fc"]);
  expect(jobs).toHaveLength(1);
});

test("names may follow from the config", () => {
  const names: WeightMappings<TinyConfig> = (config: TinyConfig) => [
    ignore(`model.layers.${config.numHiddenLayers}.*`),
  ];
  expectTypeOf(names).toExtend<WeightMappings<TinyConfig>>();
  expectTypeOf([ignore("mtp.*")]).toExtend<WeightMappings<TinyConfig>>();
});

test("steps that only choose leave values where they lie in the file; steps that move them copy", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mixtape-"));
  try {
    const path = join(folder, "model.safetensors");
    const [experts, fused, wide] = [sample([4, 3]), sample([2, 6, 3]), sample([2, 3, 6])];
    await writeSafetensors(
      path,
      Object.entries({ "e.0.w": experts, "e.1.w": experts, fused, wide, conv: { ...sample([5, 1, 4]) } }).map(
        ([name, { shape, values }]) => ({
          name,
          dtype: "BF16" as const,
          shape,
          bytes: fromFloat32(Float32Array.from(values), "BF16"),
        }),
      ),
    );
    await using source = await openSafetensors(path);
    const module = new Params({ stacked: [2, 4, 3], gate: [2, 4, 3], up: [2, 2, 3], flat: [5, 4], turned: [2, 6, 3] });
    const { jobs, faults } = matchTensors(module, source, [
      convert("stacked", from("e.*.w", stack())),
      convert(["gate", "up"], from("fused", split(1))),
      convert("flat", from("conv", squeeze(1))),
      convert("turned", from("wide", transpose())),
    ]);
    expect(faults).toEqual({ missing: [], misshaped: [], unexpected: [] });
    const locate = (name: string, offset: number, length: number) => {
      const { location } = source.tensor(name);
      return { path, offset: location!.offset + 2 * offset, length: 2 * length };
    };
    const [stacked, gate, up, flat, turned] = jobs.map(({ view }) => view);
    expect([0, 1].map((e) => stacked!.at(e).location)).toEqual([locate("e.0.w", 0, 12), locate("e.1.w", 0, 12)]);
    expect([0, 1].map((e) => gate!.at(e).location)).toEqual([locate("fused", 0, 12), locate("fused", 18, 12)]);
    expect([0, 1].map((e) => up!.at(e).location)).toEqual([locate("fused", 12, 6), locate("fused", 30, 6)]);
    expect(flat!.location).toEqual(locate("conv", 0, 20));
    expect(turned!.at(0).location).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe("refused when they are defined", () => {
  test.each<[string, () => unknown, string]>([
    [
      "several parameters of one tensor without split",
      () => convert(["a", "b"], from("t", transpose())),
      "convert(a, b): expected steps that lead from t to 2 parameters, got transpose.",
    ],
    [
      "one parameter of several tensors",
      () => convert("a", from(["t", "u"])),
      "expected steps that lead from t, u to 1",
    ],
    ["two parameters of a concat", () => convert(["a", "b"], from(["t", "u"], concat(0, [1, 2]))), "got concat."],
    ["a split into no pattern", () => convert("a", from("e.*.t", split(0))), "expected one * in the name of a tensor"],
    ["a stack of one tensor", () => convert("a", from("t", stack())), 'got "t" with stack.'],
    ["two stars", () => convert("a", from("*.e.*", stack())), "expected one *"],
    ["steps behind add", () => convert("a", from("t", add(1), transpose())), "as the last one, got add, transpose."],
    ["a path and a name", () => rename("a.*", "b"), 'rename("a.*", "b"): expected names that all end with .*'],
  ])("%s", (_, define, message) => {
    expect(define).toThrow(DecoderError);
    expect(define).toThrow(message);
  });
});

describe("refused where they meet a module", () => {
  const module = () => new Params({ mlp: new Params({ a: [4, 3], b: [4, 3] }), c: [5] });
  test.each<[string, WeightMapping[], string]>([
    [
      "two mappings for one parameter",
      [rename("mlp.a", "x"), convert("a", from("y", transpose()))],
      "names: expected one mapping for mlp.a, got convert(mlp.a) and convert(a).",
    ],
    [
      "two renamed paths",
      [rename("mlp.*", "x.*"), rename("mlp.*", "y.*")],
      "names: expected one mapping for mlp.a, got rename(mlp.*) and rename(mlp.*).",
    ],
    [
      "two parameters in one tensor",
      [rename("mlp.a", "mlp.b")],
      "names: expected a separate tensor for mlp.b, got mlp.b, which holds mlp.a.",
    ],
    [
      "a parameter that lacks its mate",
      [convert(["a", "d"], from("t", split(0)))],
      "names: expected a parameter mlp.d beside mlp.a, as both are stored together on disk, got none.",
    ],
    [
      "parts that do not fit each other",
      [convert(["mlp.a", "c"], from("t", split(0)))],
      "names: mlp.a, c: expected shapes that split gives, got [4,3], [5].",
    ],
    [
      "transpose of a vector",
      [convert("c", from("c", transpose()))],
      "names: c: expected shapes that transpose gives, got [5].",
    ],
    [
      "parts that do not divide",
      [convert("c", from("c", deinterleave(2, 0)))],
      "expected shapes that deinterleave gives, got [5].",
    ],
    [
      "sizes that do not add up",
      [convert("c", from(["x", "y"], concat(0, [1, 3])))],
      "expected shapes that concat gives, got [5].",
    ],
  ])("%s", (_, list, message) => {
    const bind = () => sourcesAndShapes(module(), list);
    expect(bind).toThrow(message);
  });

  test("split of shapes that differ elsewhere", () => {
    const two = new Params({ a: [4, 3], b: [4, 2] });
    expect(() => sourcesAndShapes(two, [convert(["a", "b"], from("t", split(0)))])).toThrow(
      "names: a, b: expected shapes that split gives, got [4,3], [4,2].",
    );
  });
});

function sourcesAndShapes(module: Params, list: readonly WeightMapping[]): unknown {
  const empty = { names: [], metadata: {}, has: () => false } as unknown as Parameters<typeof matchTensors>[1];
  return matchTensors(module, empty, list);
}

describe("tensors that stay float32", () => {
  const shapes = { norm: [2], bias: [3] } as const;
  const names = [rename("bias", "other.bias"), keepFloat32("*.bias"), keepFloat32("norm", ["F16"])];
  const dtypesIn = async (dtype?: "F64" | "F32" | "F16" | "BF16" | "F8_E4M3") => {
    const module = new Params(shapes);
    await load(module, await fileOf({ norm: sample([2]), "other.bias": sample([3]) }, "BF16"), names);
    const contents = await contentsOf(await save(module, names, dtype));
    return [contents.norm?.dtype, contents["other.bias"]?.dtype];
  };

  test("are known by their names on disk, in the dtypes that they are not saved in", async () => {
    expect(await dtypesIn("BF16")).toEqual(["BF16", "F32"]);
    expect(await dtypesIn("F16")).toEqual(["F32", "F32"]);
    expect(await dtypesIn("F8_E4M3")).toEqual(["F8_E4M3", "F32"]);
  });

  test("are saved as all others where that is no narrower, or as they were", async () => {
    expect(await dtypesIn("F32")).toEqual(["F32", "F32"]);
    expect(await dtypesIn("F64")).toEqual(["F64", "F64"]);
    expect(await dtypesIn()).toEqual(["BF16", "BF16"]);
  });
});
