import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decoderConfig, defineConfig, int, rope, ropeFrequencies, ropeTypes } from "../src/index.js";

interface GoldenCase {
  readonly config: Record<string, unknown>;
  readonly frequencies: {
    readonly seq_len: number | null;
    readonly inv_freq: number[];
    readonly attention_scaling: number;
  }[];
}

const golden = new URL("../../testing/__fixtures__/rope.json", import.meta.url);
const { "default-partial": _ignoredThere, ...shared } = JSON.parse(readFileSync(golden, "utf8")) as Record<
  string,
  GoldenCase
>;
const cases = Object.entries(shared);

/** The golden configs are Mixtral's, whose θ and context these are. */
const mixtral = defineConfig({
  modelType: "mixtral",
  extends: decoderConfig,
  fields: { maxPositionEmbeddings: int().default(131_072), ropeParameters: rope({ defaultTheta: 1e6 }) },
});

/** The reference rounds each step to float32, in another order for some types. */
const ULPS = 4;

describe("golden values of transformers 5.18", () => {
  test("every type that comes with the package is there", () => {
    const types = cases.map(
      ([, { config }]) => mixtral.parse({ model_type: "mixtral", ...config }).ropeParameters.ropeType,
    );
    const own = ["default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional"];
    expect(new Set(types)).toEqual(new Set(own));
    expect(ropeTypes()).toEqual(expect.arrayContaining(own));
  });

  test.each(cases)("%s", (_, { config, frequencies }) => {
    const { ropeParameters, headDim, maxPositionEmbeddings } = mixtral.parse({ model_type: "mixtral", ...config });
    for (const { seq_len, inv_freq, attention_scaling } of frequencies) {
      const { inverse, scaling } = ropeFrequencies(ropeParameters, {
        headDim,
        maxPositionEmbeddings,
        length: seq_len ?? 0,
      });
      expect(inverse).toHaveLength(inv_freq.length);
      for (const [i, expected] of inv_freq.entries())
        expect(Math.abs(inverse[i]! - expected), `frequency ${i} at length ${seq_len}`).toBeLessThanOrEqual(
          ULPS * 2 ** -24 * expected,
        );
      expect(scaling).toBeCloseTo(attention_scaling, 12);
    }
  });
});

// The reference's Mixtral ignores the share where the type is default, so there is no golden value; our Mixtral refuses it.
test("default frequencies of a share of a head are those of a head as wide as the share", () => {
  const partial = { ropeType: "default", ropeTheta: 1e4, partialRotaryFactor: 0.5 } as const;
  const context = { maxPositionEmbeddings: 2048, length: 0 };
  const share = ropeFrequencies(partial, { ...context, headDim: 16 });
  expect(share.inverse).toHaveLength(4);
  expect(share).toEqual(ropeFrequencies({ ...partial, partialRotaryFactor: 1 }, { ...context, headDim: 8 }));
});

test("dynamic and longrope look at the length at hand alone: a long text leaves nothing behind", () => {
  const context = { headDim: 8, maxPositionEmbeddings: 16 };
  const dynamic = { ropeType: "dynamic", ropeTheta: 1e4, partialRotaryFactor: 1, factor: 2 } as const;
  const short = ropeFrequencies(dynamic, { ...context, length: 16 });
  const long = ropeFrequencies(dynamic, { ...context, length: 40 });
  expect(long.inverse[3]).toBeLessThan(short.inverse[3]!);
  expect(ropeFrequencies(dynamic, { ...context, length: 20 }).inverse).not.toEqual(long.inverse);
  expect(ropeFrequencies(dynamic, { ...context, length: 3 })).toEqual(short);
});
