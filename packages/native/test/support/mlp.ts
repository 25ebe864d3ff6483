/** The gated MLP and routed experts: against their formula with numbers that no step rounds, and against ops' compositions. */

import {
  type Activation,
  experts,
  expertsRuns,
  type GatedMlpWeights,
  gatedMlp,
  stackViews,
  storageOf,
  type Weight,
} from "@mixtape/ops";
import { type Dtype, fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { memory, setBackend, type Tensor, tensor, tensor2d, tidy, transpose } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addon, PRECISIONS } from "../../src/addon.js";
import { NativeError, registerNative } from "../../src/index.js";
import { type Isa, onIsa } from "./isa.js";

interface Shape {
  readonly tokens: number;
  readonly count: number;
  readonly choices: number;
  readonly width: number;
  readonly inner: number;
}

interface Given extends Shape {
  readonly x: Float32Array;
  readonly indices: Int32Array;
  readonly weights: Float32Array;
  /** `[count, inner, width]` */
  readonly gate: Float32Array;
  readonly up: Float32Array;
  /** `[count, width, inner]` */
  readonly down: Float32Array;
}

/** Uniform in [0, 1), the same in every run. */
function uniform(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Whole numbers such that no product and no sum of a gated MLP with relu has more bits than a float32: what comes out is exact
 * in any order of summation, and only rounding to bfloat16, of `x` above 256 and of `activation(gate) · up`, changes it.
 */
function wholeNumbers(shape: Shape, seed: number, indices?: Int32Array): Given {
  const { tokens, count, choices, width, inner } = shape;
  const next = uniform(seed);
  const below = (n: number) => Math.floor(next() * n);
  /** Rows with a few ±1. */
  const sparse = (rows: number, columns: number, most: number) => {
    const out = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < most; i++) out[row * columns + below(columns)] = below(2) ? 1 : -1;
    return out;
  };
  return {
    ...shape,
    x: Float32Array.from({ length: tokens * width }, () => below(601) - 300),
    indices: indices ?? Int32Array.from({ length: tokens * choices }, () => below(count)),
    weights: Float32Array.from({ length: tokens * choices }, () => [1, 0.5, -1, 2][below(4)]!),
    gate: sparse(count * inner, width, 2),
    up: sparse(count * inner, width, 1),
    down: sparse(count * width, inner, 6),
  };
}

function normals(shape: Shape, seed: number): Given {
  const next = uniform(seed);
  const { tokens, count, choices, width, inner } = shape;
  const normal = (length: number, scale: number) =>
    Float32Array.from({ length }, () => scale * (next() + next() + next() + next() - 2) * Math.sqrt(3));
  return {
    ...shape,
    x: normal(tokens * width, 1),
    indices: Int32Array.from({ length: tokens * choices }, (_, i) => (i + 3 * Math.floor(i / choices)) % count),
    weights: normal(tokens * choices, 1),
    gate: normal(count * inner * width, width ** -0.5),
    up: normal(count * inner * width, width ** -0.5),
    down: normal(count * width * inner, inner ** -0.5),
  };
}

function bfloat16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer);
  bits[0] = (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0]!;
}

/** `Σ_j weights[t, j] · down(relu(gate · x[t]) · (up · x[t]))`, each step in float64, activations rounded by `round`. */
function formula(given: Given, round: { x: (x: number) => number; hidden: (x: number) => number }): Float64Array {
  const { tokens, choices, width, inner } = given;
  const out = new Float64Array(tokens * width);
  for (let t = 0; t < tokens; t++) {
    const x = Float64Array.from(given.x.subarray(t * width, (t + 1) * width), round.x);
    for (let j = 0; j < choices; j++) {
      const expert = given.indices[t * choices + j]!;
      const hidden = Float64Array.from({ length: inner }, (_, i) => {
        const row = expert * inner + i;
        return round.hidden(Math.max(dot(given.gate, row, x), 0) * dot(given.up, row, x));
      });
      for (let m = 0; m < width; m++)
        out[t * width + m]! += given.weights[t * choices + j]! * dot(given.down, expert * width + m, hidden);
    }
  }
  return out;
}

/** Of a row of matrices that lie behind one another. */
function dot(matrices: Float32Array, row: number, x: Float64Array): number {
  const at = row * x.length;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += matrices[at + i]! * x[i]!;
  return sum;
}

const placed: Tensor[] = [];

/** A matrix, or a stack, in a storage format of this engine; `tensor` for a tensor of float32. */
async function place(values: Float32Array, shape: number[], storage: Dtype | "tensor"): Promise<Weight> {
  const role = shape.length === 3 ? "stack" : "matrix";
  if (storage === "tensor") return { role, shape, layout: "plain", parts: [keep(tensor(values, shape))] };
  const view = viewOfBytes("w", storage, shape, fromFloat32(values, storage));
  const views = role === "stack" ? stackViews(Array.from({ length: shape[0]! }, (_, e) => view.at(e))) : view;
  const weight = await storageOf().place(views, role);
  keep(weight.parts[0]!);
  return weight;
}

function keep<T extends Tensor>(tensor: T): T {
  placed.push(tensor);
  return tensor;
}

type Storages = readonly [Dtype | "tensor", Dtype | "tensor", Dtype | "tensor"];

async function weightsOf(given: Given, [gate, up, down]: Storages, isStack = true): Promise<GatedMlpWeights> {
  const { count, width, inner } = given;
  const shape = (rows: number, columns: number) => (isStack ? [count, rows, columns] : [rows, columns]);
  return {
    gate: await place(given.gate, shape(inner, width), gate),
    up: await place(given.up, shape(inner, width), up),
    down: await place(given.down, shape(width, inner), down),
  };
}

const TENSORS: Storages = ["tensor", "tensor", "tensor"];

/** The same weights, laid out the other way. */
function turned({ gate, up, down }: GatedMlpWeights): GatedMlpWeights {
  const turn = (weight: Weight): Weight => {
    const order = weight.role === "stack" ? [0, 2, 1] : [1, 0];
    return { ...weight, layout: "transposed", parts: [keep(transpose(weight.parts[0]!, order))] };
  };
  return { gate: turn(gate), up: turn(up), down: turn(down) };
}

function disposePlaced(): void {
  for (const tensor of placed.splice(0)) tensor.dispose();
}

async function run(given: Given, storages: Storages, activation: Activation): Promise<Float32Array> {
  const weights = await weightsOf(given, storages);
  return runOn(given, weights, activation);
}

function runOn(given: Given, weights: GatedMlpWeights, activation: Activation): Float32Array {
  const shape: [number, number] = [given.tokens, given.choices];
  try {
    return tidy(() => {
      const x = tensor2d(given.x, [given.tokens, given.width]);
      const routed = { x, indices: tensor2d(given.indices, shape, "int32"), weights: tensor2d(given.weights, shape) };
      return experts(routed, weights, activation).dataSync() as Float32Array;
    });
  } finally {
    disposePlaced();
  }
}

const same = (x: number) => x;

const drawn = fc.record({
  tokens: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 100 })),
  count: fc.integer({ min: 1, max: 9 }),
  choices: fc.integer({ min: 1, max: 4 }),
  width: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 96, 130, 257)),
  inner: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 100, 161)),
});
const storage = fc.constantFrom<Dtype | "tensor">("F32", "BF16", "F16", "tensor");

/** Instruction sets that multiply pairs of bfloat16. */
const ROUNDS: readonly Isa[] = ["avx512", "amx"];

export function mlpTests(isa: Isa): void {
  onIsa(isa, () => {
    const rounds = ROUNDS.includes(isa);

    describe.each(["bfloat16", "float32"] as const)("with activations in %s", (precision) => {
      beforeAll(() => void registerNative({ precision }));
      afterAll(() => void registerNative());
      const roundFor = (dtype: Dtype | "tensor") =>
        rounds && precision === "bfloat16" && dtype === "BF16" ? bfloat16 : same;

      test("experts are what the formula says, to the bit where no sum is rounded", async () => {
        const property = fc.asyncProperty(drawn, fc.nat(), storage, storage, async (shape, seed, first, down) => {
          const given = wholeNumbers(shape, seed);
          const expected = formula(given, { x: roundFor(first), hidden: roundFor(down) });
          const before = memory().numTensors;
          expect(await run(given, [first, first, down], "relu")).toEqual(Float32Array.from(expected));
          expect(memory().numTensors).toBe(before);
        });
        await fc.assert(property, { numRuns: 30 });
      });

      test("a gated MLP is what the formula says, to the bit where no sum is rounded", async () => {
        const property = fc.asyncProperty(drawn, fc.nat(), storage, storage, async (shape, seed, first, down) => {
          const drawn = wholeNumbers({ ...shape, count: 1, choices: 1 }, seed);
          const given = { ...drawn, weights: new Float32Array(shape.tokens).fill(1) };
          const expected = formula(given, { x: roundFor(first), hidden: roundFor(down) });
          const weights = await weightsOf(given, [first, first, down], false);
          const x = keep(tensor(given.x, [1, shape.tokens, shape.width]));
          const y = keep(gatedMlp(x, weights, "relu"));
          expect(y.shape).toEqual(x.shape);
          expect(y.dataSync()).toEqual(Float32Array.from(expected));
          disposePlaced();
        });
        await fc.assert(property, { numRuns: 30 });
      });

      test("gate and up may be stored in different formats", async () => {
        const given = wholeNumbers({ tokens: 21, count: 3, choices: 2, width: 70, inner: 50 }, 3);
        // Every x that gate sees is kept by bfloat16.
        for (let i = 0; i < given.x.length; i++) given.x[i] = bfloat16(given.x[i]!);
        const expected = formula(given, { x: same, hidden: same });
        expect(await run(given, ["BF16", "F32", "F16"], "relu")).toEqual(Float32Array.from(expected));
      });
    });

    const shape: Shape = { tokens: 100, count: 5, choices: 3, width: 200, inner: 96 };

    test.each([1, 7, 100, 400])("all of %i tokens may go to one expert, and twice", async (tokens) => {
      const indices = new Int32Array(tokens * shape.choices).fill(2);
      const given = wholeNumbers({ ...shape, tokens }, 5, indices);
      const expected = formula(given, { x: same, hidden: same });
      expect(await run(given, ["F32", "F32", "F32"], "relu")).toEqual(Float32Array.from(expected));
    });

    test("NaN in an expert makes the tokens that chose it NaN, and no other", async () => {
      const given = wholeNumbers({ ...shape, count: 2, choices: 1 }, 7);
      given.indices.forEach((_, i) => {
        given.indices[i] = i % 3 === 0 ? 1 : 0;
      });
      // In one row of gate and one of down of expert 1.
      given.gate[(given.inner + 4) * given.width + 9] = Number.NaN;
      const got = await run(given, ["BF16", "BF16", "BF16"], "silu");
      const isNaNRow = Array.from({ length: given.tokens }, (_, t) =>
        got.subarray(t * given.width, (t + 1) * given.width).every(Number.isNaN),
      );
      const hasNaN = Array.from({ length: given.tokens }, (_, t) =>
        got.subarray(t * given.width, (t + 1) * given.width).some(Number.isNaN),
      );
      const chose = Array.from(given.indices, (expert) => expert === 1);
      expect(hasNaN).toEqual(chose);
      expect(isNaNRow).toEqual(chose);
    });

    test.each(["silu", "gelu", "gelu_pytorch_tanh", "relu"] as const)(
      "in float32 they are the compositions of ops, with %s",
      async (activation) => {
        for (const tokens of [1, 33]) {
          const given = normals({ ...shape, tokens }, tokens);
          const got = await run(given, ["F32", "F32", "F32"], activation);
          await setBackend("cpu");
          try {
            for (const strategy of ["sparse", "dense"] as const) {
              const weights = await weightsOf(given, TENSORS);
              const expected = tidy(() => {
                const indices = tensor2d(given.indices, [tokens, given.choices], "int32");
                const weighed = tensor2d(given.weights, [tokens, given.choices]);
                const x = tensor2d(given.x, [tokens, given.width]);
                return experts({ x, indices, weights: weighed }, weights, activation, strategy).dataSync();
              });
              disposePlaced();
              const worst = Math.max(...expected.map((value, i) => Math.abs(value - got[i]!)));
              expect(worst).toBeLessThan(1e-5);
            }
          } finally {
            await setBackend("native");
          }
        }
      },
    );

    test("stacks and matrices that lie transposed are turned", async () => {
      const stacks = wholeNumbers({ ...shape, tokens: 9, count: 3 }, 11);
      const expected = Float32Array.from(formula(stacks, { x: same, hidden: same }));
      expect(runOn(stacks, turned(await weightsOf(stacks, TENSORS)), "relu")).toEqual(expected);
      const one = wholeNumbers({ ...shape, tokens: 9, count: 1, choices: 1 }, 12);
      one.weights.fill(1);
      const y = keep(
        gatedMlp(keep(tensor2d(one.x, [9, one.width])), turned(await weightsOf(one, TENSORS, false)), "relu"),
      );
      expect(y.dataSync()).toEqual(Float32Array.from(formula(one, { x: same, hidden: same })));
      disposePlaced();
    });

    test("experts run fused", async () => {
      const before = expertsRuns().fused;
      await run(wholeNumbers({ ...shape, tokens: 2 }, 1), ["BF16", "BF16", "BF16"], "silu");
      expect(expertsRuns().fused).toBe(before + 1);
    });

    test.each([-1, 5, 2 ** 31 - 1, -(2 ** 31)])("an index %i of 5 experts is an error", async (index) => {
      const given = wholeNumbers(shape, 13);
      given.indices[given.indices.length - 1] = index;
      await expect(run(given, ["F32", "F32", "F32"], "relu")).rejects.toThrow(NativeError);
    });

    test("no token, no choice and no inner width give zeros", () => {
      const native = addon();
      const none = new Float32Array();
      const out = new Float32Array(6).fill(7);
      native.experts(out, new Float32Array(6), new Int32Array(), none, none, none, none, 0, 3, 0, 0, 0);
      expect(out).toEqual(new Float32Array(6));
      const x = Float32Array.of(1, 2, 3, 4, 5, 6);
      for (const run of [
        () => native.experts(out.fill(7), x, Int32Array.of(0, 1), x.slice(0, 2), none, none, none, 2, 3, 0, 0, 0),
        () => native.gatedMlp(out.fill(7), x, none, none, none, 3, 0, 0, 0),
      ]) {
        run();
        expect(out).toEqual(new Float32Array(6));
      }
      native.gatedMlp(none, none, new Float32Array(3), new Float32Array(3), new Float32Array(3), 3, 1, 0, 0);
    });

    test("whatever the addon is given, it answers or throws its error", () => {
      const native = addon();
      const weight = (rows: number, columns: number, parts: number) =>
        native.copyWeight(
          1,
          rows,
          columns,
          Array.from({ length: parts }, () => new Uint8Array(2 * rows * columns)),
        );
      const released = weight(4, 3, 2);
      native.release(released);
      const right = () => [
        new Float32Array(6),
        new Float32Array(6),
        Int32Array.of(1, 0, 1, 1),
        new Float32Array(4),
        weight(4, 3, 2),
        new Float32Array(24),
        weight(3, 4, 2),
        2,
        3,
        4,
        0,
        PRECISIONS.bfloat16,
      ];
      const rightMlp = () => [
        new Float32Array(6),
        new Float32Array(6),
        weight(4, 3, 1),
        new Float32Array(12),
        weight(3, 4, 1),
        3,
        4,
        0,
        PRECISIONS.bfloat16,
      ];
      const wrong = fc.oneof(
        fc.constantFrom<unknown>(undefined, null, "x", {}, [], released, weight(4, 3, 1), weight(2, 2, 2), true),
        fc.constantFrom(-1, 0, 1, 2, 3, 5, 2.5, Number.NaN, 1e30, 2 ** 32, 2 ** 39),
        fc.nat(40).map((length) => new Float32Array(length)),
        fc.nat(10).map((length) => new Int32Array(length).fill(1)),
        fc.array(fc.integer(), { maxLength: 6 }).map((values) => Int32Array.from(values)),
      );
      const call = (name: "experts" | "gatedMlp", args: unknown[]) =>
        (native[name] as (...args: unknown[]) => void)(...args);
      call("experts", right());
      call("gatedMlp", rightMlp());
      fc.assert(
        fc.property(fc.boolean(), fc.nat(11), fc.nat(11), wrong, wrong, fc.boolean(), (isMlp, i, j, a, b, both) => {
          const args: unknown[] = isMlp ? rightMlp() : right();
          args[i % args.length] = a;
          if (both) args[j % args.length] = b;
          try {
            call(isMlp ? "gatedMlp" : "experts", args);
          } catch (error) {
            if (!(error instanceof NativeError)) throw error;
          }
        }),
        { numRuns: 2000 },
      );
    });
  });
}
