import type { RotaryTables } from "@mixtape/ops";
import { mul, slice, type Tensor, type Tensor3D, type Tensor4D, tensor3d, tidy } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  Attention,
  type AttentionConfig,
  type Heads,
  KeyValueCache,
  Linear,
  type Masks,
  QKNormAttention,
  RotaryEmbedding,
} from "../src/index.js";
import { fillAll, useCpu, withTensors } from "./support/cpu.js";
import { TestMasks } from "./support/masks.js";

const config: AttentionConfig = {
  hiddenSize: 6,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 4,
  attentionBias: false,
  attentionDropout: 0,
  rmsNormEps: 1e-6,
  layerTypes: ["full_attention"],
  slidingWindow: null,
};
const rotary = new RotaryEmbedding({
  headDim: 4,
  maxPositionEmbeddings: 64,
  ropeParameters: { ropeType: "default", ropeTheta: 100, partialRotaryFactor: 1 },
});
const attention = new Attention(config, 0);

beforeAll(async () => {
  await useCpu();
  await fillAll(attention);
});
afterAll(() => attention.dispose());

const input = (rows: number, length: number): Tensor3D =>
  tensor3d(
    Array.from({ length: rows * length * 6 }, (_, i) => Math.cos(i * i + 1)),
    [rows, length, 6],
  );
const tables = (from: number, to: number): RotaryTables =>
  rotary.tables({ rows: 1, length: to - from, values: Int32Array.from({ length: to - from }, (_, i) => from + i) });

/** Runs `f` and disposes what it made; masks own what they make, and are disposed too. */
function run(f: (masks: (queries: number) => Masks) => Tensor3D): number[] {
  const made: TestMasks[] = [];
  const numbers: number[] = [];
  tidy(() => {
    const out = f((queries) => {
      const masks = new TestMasks(queries);
      made.push(masks);
      return masks;
    });
    numbers.push(...out.dataSync());
  });
  for (const masks of made) masks.dispose();
  return numbers;
}

test("projections have biases where the config asks for them, the output's also alone", () => {
  const names = (made: Attention) => [...made.namedParameters()].map(([name, { shape }]) => `${name} [${shape}]`);
  expect(names(attention)).toEqual([
    "q_proj.weight [16,6]",
    "k_proj.weight [8,6]",
    "v_proj.weight [8,6]",
    "o_proj.weight [6,16]",
  ]);
  const biased = { ...config, attentionBias: true };
  expect(names(new Attention(biased, 0)).filter((name) => name.includes("bias"))).toEqual([
    "q_proj.bias [16]",
    "k_proj.bias [8]",
    "v_proj.bias [8]",
    "o_proj.bias [6]",
  ]);
  expect(names(new Attention(biased, 0, { outputBias: false }))).not.toContain("o_proj.bias [6]");
  expect(names(new QKNormAttention(config, 0)).slice(-2)).toEqual(["q_norm.weight [4]", "k_norm.weight [4]"]);
});

test("looking at the probabilities changes nothing; each query's sum to 1 and none is of the future", async () => {
  await withTensors(() => {
    const plain = run((masks) => attention.forward(input(2, 3), { rope: tables(0, 3), masks: masks(3) }));
    let seen: { shape: number[]; values: Float32Array };
    const onProbabilities = (probabilities: Tensor4D) => {
      seen = { shape: probabilities.shape, values: probabilities.dataSync() as Float32Array };
    };
    const watched = run((masks) =>
      attention.forward(input(2, 3), { rope: tables(0, 3), masks: masks(3), onProbabilities }),
    );
    expect(watched.length).toBe(2 * 3 * 6);
    for (const [i, value] of plain.entries()) expect(watched[i]).toBeCloseTo(value, 5);
    expect(seen!.shape).toEqual([2, 4, 3, 3]);
    for (let row = 0; row < 2 * 4 * 3; row++) {
      const probabilities = seen!.values.subarray(row * 3, row * 3 + 3);
      expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      expect(probabilities.subarray((row % 3) + 1).every((p) => p === 0)).toBe(true);
    }
  });
});

test("token by token with a cache it gives what it gives at once", async () => {
  await withTensors(() => {
    const whole = run((masks) => attention.forward(input(1, 4), { rope: tables(0, 4), masks: masks(4) }));
    const cache = new KeyValueCache();
    const steps = [0, 1, 2, 3].flatMap((i) =>
      run((masks) =>
        attention.forward(slice(input(1, 4), [0, i, 0], [1, 1, 6]), {
          rope: tables(i, i + 1),
          masks: masks(1),
          cache,
        }),
      ),
    );
    cache.dispose();
    for (const [i, value] of whole.entries()) expect(steps[i]).toBeCloseTo(value, 5);
  });
});

test("hooks run in order: heads are normalised, rotated, and the output is gated with the layer's input", async () => {
  const calls: string[] = [];
  class Watched extends Attention {
    protected override normalizeHeads([q, k]: Heads): Heads {
      calls.push(`normalize ${q.shape} ${k.shape}`);
      return [q, k];
    }
    protected override rotate(heads: Heads): Heads {
      calls.push("rotate");
      return heads;
    }
    protected override gateOutput(out: Tensor3D, x: Tensor3D): Tensor3D {
      calls.push(`gate ${out.shape} ${x.shape}`);
      return mul(out, 0);
    }
  }
  const watched = new Watched(config, 0);
  await fillAll(watched);
  const out = run((masks) => watched.forward(input(2, 3), { rope: tables(0, 3), masks: masks(3) }));
  expect(calls).toEqual(["normalize 2,4,3,4 2,2,3,4", "rotate", "gate 2,3,16 2,3,6"]);
  expect(new Set(out.map(Math.abs))).toEqual(new Set([0]));
  watched.dispose();
});

test("what a projection does beyond its weights is done", async () => {
  const calls: number[][] = [];
  class Watched extends Linear {
    override forward<T extends Tensor>(x: T): T {
      calls.push(x.shape);
      return super.forward(x);
    }
  }
  const adapted = new Attention({ ...config, attentionBias: true }, 0);
  await fillAll(adapted);
  const forward = () => run((masks) => adapted.forward(input(2, 3), { rope: tables(0, 3), masks: masks(3) }));
  const expected = forward();
  const kProj = new Watched(6, 8, { bias: true });
  for (const name of ["weight", "bias"])
    Object.defineProperty(kProj, name, { value: Reflect.get(adapted.kProj, name) });
  Object.defineProperty(adapted, "kProj", { value: kProj, enumerable: true });
  const actual = forward();
  expect(calls).toEqual([[2, 3, 6]]);
  expect(actual).toEqual(expected);
  adapted.dispose();
});
