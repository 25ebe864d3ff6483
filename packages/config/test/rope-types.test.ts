/** A RoPE type from outside: one definition, one registration, one declaration. `npm run typecheck` tests the types. */
import { expect, expectTypeOf, test } from "vitest";
import {
  ConfigError,
  contextLength,
  decoderConfig,
  defineConfig,
  defineRopeType,
  geometricFrequencies,
  int,
  number,
  type RopeParameters,
  registerRopeType,
  rope,
  ropeFrequencies,
  ropeTypes,
  rotaryDim,
} from "../src/index.js";

const gentle = defineRopeType({
  name: "gentle",
  fields: {
    strength: number({ above: 0 }).default(1),
    softLimit: int(),
  },
  fill: (given, { maxPositionEmbeddings }) => {
    expectTypeOf(given.softLimit).toEqualTypeOf<number | undefined>();
    return { softLimit: given.softLimit ?? 2 * maxPositionEmbeddings };
  },
  check: (parameters, { dim, headDim }, report) => {
    expectTypeOf(parameters.strength).toEqualTypeOf<number>();
    if (parameters.strength > 2) report("strength", { expected: "at most 2", got: `${parameters.strength}` });
    if (dim > 128) report("headDim", { expected: "at most 128 rotated features", got: `${dim} of ${headDim}` });
    // @ts-expect-error Not a parameter of this type.
    if (dim < 0) report("factor", { expected: "a factor", got: "none" });
  },
  frequencies: ({ ropeTheta, strength }, { dim, length }) => ({
    inverse: geometricFrequencies(ropeTheta, dim).map((f) => f ** strength),
    scaling: length > 100 ? 2 : 1,
  }),
  contextLength: ({ softLimit }) => softLimit,
});
registerRopeType(gentle);

declare module "../src/index.js" {
  interface RopeTypes {
    gentle: typeof gentle;
  }
}

const small = { model_type: "decoder", hidden_size: 64, num_attention_heads: 4, max_position_embeddings: 32 };

test("a file's parameters are read, filled in, and written back", () => {
  const config = decoderConfig.parse({ ...small, rope_parameters: { rope_type: "gentle", strength: 0.5 } });
  const parameters: RopeParameters = config.ropeParameters;
  expect(parameters).toEqual({
    ropeType: "gentle",
    ropeTheta: 10_000,
    partialRotaryFactor: 1,
    strength: 0.5,
    softLimit: 64,
  });
  if (parameters.ropeType === "gentle") expectTypeOf(parameters.softLimit).toEqualTypeOf<number>();
  const again = decoderConfig.parse(JSON.parse(decoderConfig.stringify(decoderConfig.with(config, {}))));
  expect(again.ropeParameters).toEqual(parameters);
  const json = decoderConfig.toJSON({ ...config, ropeParameters: { ...parameters, ropeTheta: 7 } });
  expect(json.rope_parameters).toEqual({ rope_type: "gentle", rope_theta: 7, strength: 0.5, soft_limit: 64 });
});

test("code gives its parameters with their types", () => {
  const of = (ropeParameters: Parameters<typeof decoderConfig.create>[0] & object) =>
    decoderConfig.create(ropeParameters).ropeParameters;
  expect(of({ ropeParameters: { ropeType: "gentle" } })).toMatchObject({ strength: 1, softLimit: 4096 });
  // @ts-expect-error A parameter of another type.
  expect(() => of({ ropeParameters: { ropeType: "gentle", factor: 2 } })).toThrow("ropeParameters.factor: expected");
  // @ts-expect-error Not a number.
  expect(() => of({ ropeParameters: { ropeType: "gentle", strength: "much" } })).toThrow("ropeParameters.strength");
});

test("its rules hold in every family, under the names of the file", () => {
  const refused = (parameters: object, more: object = {}) =>
    expect(() => decoderConfig.parse({ ...small, ...more, rope_scaling: { rope_type: "gentle", ...parameters } }));
  refused({ strength: 3 }).toThrow("config.json: rope_scaling.strength: expected at most 2, got 3");
  refused({ strength: 0 }).toThrow("rope_scaling.strength: expected a number above 0, got 0");
  refused({ soft_limit: 1.5 }).toThrow("rope_scaling.soft_limit: expected an integer of at least 1, got 1.5");
  refused({}, { head_dim: 130 }).toThrow("head_dim: expected at most 128 rotated features, got 130 of 130");
  refused({ strong: 1 }).toThrow(
    'rope_scaling.strong: expected a parameter of rope_type "gentle" (rope_type, rope_theta, partial_rotary_factor, strength, soft_limit), got 1',
  );
});

test("its frequencies and its context are those of models", () => {
  const { ropeParameters, ...config } = decoderConfig.create({ ropeParameters: { ropeType: "gentle", strength: 2 } });
  const frequencies = (length: number) => ropeFrequencies(ropeParameters, { ...config, headDim: 8, length });
  expect(Array.from(frequencies(1).inverse)).toEqual(
    Array.from(geometricFrequencies(10_000, 8), (f) => Math.fround(f ** 2)),
  );
  expect([frequencies(1).scaling, frequencies(101).scaling]).toEqual([1, 2]);
  expect(contextLength({ ...config, ropeParameters })).toBe(4096);
});

test("a name is taken once", () => {
  registerRopeType(gentle);
  expect(ropeTypes().filter((name) => name === "gentle")).toHaveLength(1);
  const other = defineRopeType({ name: "yarn", frequencies: gentle.frequencies as never });
  expect(() => registerRopeType(other)).toThrow(
    'registerRopeType: name: expected a name that no other RoPE type has, got "yarn". Choose another name.',
  );
  expect(() => registerRopeType(other)).toThrow(ConfigError);
});

test.each<[unknown, string]>([
  [undefined, "type: expected an object with name and frequencies, got nothing."],
  [[], "type: expected an object with name and frequencies, got []."],
  [{ name: "", frequencies: () => {} }, 'name: expected a name, as rope_type has it in files, got "".'],
  [{ name: "broken" }, "frequencies: expected a function that returns { inverse, scaling }, got nothing."],
  [{ ...gentle, name: "broken", check: 1 }, "check: expected a function, if anything, got 1."],
  [{ ...gentle, name: "broken", fields: [] }, "fields: expected schemas by name, got []."],
  [
    { ...gentle, name: "broken", fields: { a: 1 } },
    "fields.a: expected a schema, such as number({ above: 0 }), got 1.",
  ],
  [{ ...gentle, name: "broken", fields: { a: number } }, "got a function."],
  [
    { ...gentle, name: "broken", fields: { ropeTheta: number() } },
    "fields.ropeTheta: expected a name besides ropeType, ropeTheta, partialRotaryFactor, which every RoPE type has, got ropeTheta.",
  ],
])("the definition %o is refused", (type, message) => {
  expect(() => registerRopeType(type as never)).toThrow(ConfigError);
  expect(() => registerRopeType(type as never)).toThrow(message);
  expect(ropeTypes()).not.toContain("broken");
});

test("a definition with several faults names them all", () => {
  expect(() => registerRopeType({} as never)).toThrow(
    /^registerRopeType: expected a valid config, got 2 issues:\n {2}name: .*\n {2}frequencies: /,
  );
});

test("parameters of a type that nobody registered are refused wherever they are used", () => {
  const ropeParameters = { ropeType: "spiral", ropeTheta: 1, partialRotaryFactor: 1 } as unknown as RopeParameters;
  const message =
    /^config: ropeParameters\.ropeType: expected one of "default".*"gentle", got "spiral"\. .*registerRopeType/;
  expect(() => contextLength({ ropeParameters, maxPositionEmbeddings: 8 })).toThrow(message);
  expect(() => ropeFrequencies(ropeParameters, { headDim: 8, maxPositionEmbeddings: 8, length: 1 })).toThrow(message);
  expect(() => rotaryDim(8, ropeParameters)).toThrow(message);
});

test("a type that covers the whole head takes a share in models that rotate whole heads", () => {
  const whole = defineConfig({
    modelType: "whole",
    extends: decoderConfig,
    fields: { ropeParameters: rope({ partial: false }) },
  });
  const file = { ...small, model_type: "whole" };
  const parameters = { rope_type: "proportional", rope_theta: 1e4, partial_rotary_factor: 0.5 };
  const { ropeParameters, headDim } = whole.parse({ ...file, rope_parameters: parameters });
  expect(ropeParameters.partialRotaryFactor).toBe(0.5);
  expect(rotaryDim(headDim, ropeParameters)).toBe(headDim);
  expect(() => whole.parse({ ...file, rope_parameters: { ...parameters, rope_type: "linear", factor: 2 } })).toThrow(
    "rope_parameters.partial_rotary_factor: expected 1, as this model rotates whole heads, got 0.5",
  );
});

test.each([
  ["few", { inverse: new Float32Array(3), scaling: 1 }, "3 frequencies"],
  ["nan", { inverse: Float32Array.of(1, NaN, 1, 1), scaling: 1 }, "NaN for frequency 1"],
  ["unscaled", { inverse: new Float32Array(4) }, "the scaling nothing"],
  ["list", { inverse: [1, 1, 1, 1], scaling: 1 }, "an inverse that is no Float32Array"],
  ["nothing", undefined, "an inverse that is no Float32Array"],
])("frequencies that no model can use are refused: %s", (name, result, got) => {
  registerRopeType(defineRopeType({ name, frequencies: () => result as never }));
  const ropeParameters = { ropeType: name, ropeTheta: 1, partialRotaryFactor: 1 } as unknown as RopeParameters;
  expect(() => ropeFrequencies(ropeParameters, { headDim: 8, maxPositionEmbeddings: 8, length: 1 })).toThrow(
    `config: frequencies of rope_type "${name}": expected { inverse, scaling }: 4 finite numbers, float32, and a finite number, got ${got}.`,
  );
});

test.each<[unknown, string]>([
  [NaN, "NaN"],
  [0, "0"],
  ["8", '"8"'],
])("a context of %o is refused", (length, got) => {
  const name = `context ${got}`;
  registerRopeType(
    defineRopeType({ name, frequencies: gentle.frequencies as never, contextLength: () => length as number }),
  );
  const ropeParameters = { ropeType: name, ropeTheta: 1, partialRotaryFactor: 1 } as unknown as RopeParameters;
  expect(() => contextLength({ ropeParameters, maxPositionEmbeddings: 8 })).toThrow(
    `config: contextLength of rope_type ${JSON.stringify(name)}: expected a number of tokens above 0, or Infinity for no limit, got ${got}.`,
  );
});
