import {
  matMul,
  mul,
  reshape,
  sigmoid,
  type Tensor,
  type Tensor2D,
  tensor1d,
  tensor2d,
  tensor3d,
  tidy,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  Embedding,
  Experts,
  type FeedForwardContext,
  GatedMlp,
  GatedSharedExpert,
  Linear,
  MoeBlock,
  RMSNorm,
  routerOf,
  type SharedExperts,
  SoftmaxRouter,
  TokenMask,
  tokenMaskOf,
} from "../src/index.js";
import { fillAll, useCpu, viewOf, withTensors } from "./support/cpu.js";

beforeAll(useCpu);

const numbers = (f: () => Tensor): number[] => {
  let values: number[] = [];
  tidy(() => {
    values = Array.from(f().dataSync());
  });
  return values;
};
const expectClose = (actual: number[], expected: number[]) => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 5);
};
const silu = (x: number) => x / (1 + Math.exp(-x));

test("Linear: x·Wᵀ + b", async () => {
  await withTensors(async () => {
    const linear = new Linear(2, 3, { bias: true });
    await linear.weight.load(viewOf([3, 2], [1, 2, 3, 4, 5, 6]));
    await linear.bias!.load(viewOf([3], [10, 20, 30]));
    expect(numbers(() => linear.forward(tensor2d([[1, -1]])))).toEqual([9, 19, 29]);
    expect(() => linear.forward(tensor2d([[1, 2, 3]]))).toThrow("linear [3, 2]: expected an input […, 2], got [1,3]");
    linear.dispose();
  }, 1);
});

test("Embedding: rows by id, as a table and tied to a head", async () => {
  for (const tied of [false, true]) {
    const embedding = new Embedding(3, 2, { tied });
    expect(embedding.weight.role).toBe(tied ? "matrix" : "table");
    await embedding.weight.load(viewOf([3, 2], [1, 2, 3, 4, 5, 6]));
    expect(numbers(() => embedding.forward(tensor1d([2, 0, 2], "int32")))).toEqual([5, 6, 1, 2, 5, 6]);
    embedding.dispose();
  }
});

test("Embedding: the row of padding is refused where it is none, and may be counted from the end", () => {
  expect(new Embedding(3, 2).paddingIdx).toBeNull();
  expect(new Embedding(3, 2, { paddingIdx: 2 }).weight.zeroRow).toBe(2);
  // As torch has it.
  expect(new Embedding(3, 2, { paddingIdx: -1 }).paddingIdx).toBe(2);
  for (const paddingIdx of [3, -4, 0.5])
    expect(() => new Embedding(3, 2, { paddingIdx })).toThrow(
      `expected a row from 0 to 2, or counted from the end, got ${paddingIdx}`,
    );
});

test("RMSNorm: scale · x / √(mean(x²) + eps)", async () => {
  const norm = new RMSNorm(2, 0.5);
  await norm.weight.load(viewOf([2], [1, 10]));
  const root = Math.sqrt((9 + 16) / 2 + 0.5);
  expectClose(
    numbers(() => norm.forward(tensor3d([[[3, 4]]]))),
    [3 / root, 40 / root],
  );
  norm.dispose();
});

test("RMSNorm: added to a residual where there is one", async () => {
  const norm = new RMSNorm(2, 0.5);
  await norm.weight.load(viewOf([2], [1, 10]));
  const root = Math.sqrt((9 + 16) / 2 + 0.5);
  expectClose(
    numbers(() => norm.forward(tensor2d([[3, 4]]), tensor2d([[-1, 7]]))),
    [3 / root - 1, 40 / root + 7],
  );
  norm.dispose();
});

/** A linear map that does more in `forward` than its weights say, as an adapter does. */
class Doubled extends Linear {
  override forward<T extends Tensor>(x: T): T {
    return mul(super.forward(x), 2) as T;
  }
}

test("a linear map that does more than multiply is not plain", () => {
  expect([new Linear(2, 3).canFuse, new Doubled(2, 3).canFuse]).toEqual([true, false]);
});

test.each(["gateProj", "upProj", "downProj"] as const)(
  "GatedMlp runs what %s does beyond its weights",
  async (name) => {
    const plain = new GatedMlp({ hiddenSize: 2, hiddenAct: "relu" }, 3);
    await fillAll(plain);
    const adapted = new GatedMlp({ hiddenSize: 2, hiddenAct: "relu" }, 3);
    const [out = 0, width = 0] = adapted[name].weight.shape;
    Object.defineProperty(adapted, name, { value: new Doubled(width, out), enumerable: true });
    await fillAll(adapted);
    const x = () =>
      tensor2d([
        [0.5, -1],
        [2, 0.25],
      ]);
    const expected = numbers(() => plain.forward(x()));
    expect(expected.some((value) => Math.abs(value) > 0.01)).toBe(true);
    // With relu, twice any of the three is twice the whole.
    expectClose(
      numbers(() => adapted.forward(x())),
      expected.map((value) => 2 * value),
    );
    plain.dispose();
    adapted.dispose();
  },
);

test("GatedMlp: down(silu(gate(x)) · up(x))", async () => {
  const mlp = new GatedMlp({ hiddenSize: 1, hiddenAct: "silu" }, 2);
  await mlp.gateProj.weight.load(viewOf([2, 1], [1, -1]));
  await mlp.upProj.weight.load(viewOf([2, 1], [2, 3]));
  await mlp.downProj.weight.load(viewOf([1, 2], [5, 7]));
  const at = (x: number) => 5 * silu(x) * 2 * x + 7 * silu(-x) * 3 * x;
  expectClose(
    numbers(() => mlp.forward(tensor2d([[2], [-0.5]]))),
    [at(2), at(-0.5)],
  );
  mlp.dispose();
});

describe("MoeBlock", () => {
  const config = {
    hiddenSize: 4,
    hiddenAct: "silu",
    numExperts: 3,
    numExpertsPerTok: 2,
    moeIntermediateSize: 2,
  } as const;
  const blockOf = (sharedExperts: SharedExperts | null = null) =>
    new MoeBlock({ router: new SoftmaxRouter(config), experts: new Experts(config), sharedExperts });
  const x = () => tensor3d([0.5, -1, 2, 0.25, 1, 1, -1, -2, 0, 3, 1, -1, 0.1, 0.2, 0.3, 0.4], [2, 2, 4]);

  test("each token is the weighted sum of its experts", async () => {
    await withTensors(async () => {
      const block = blockOf();
      await fillAll(block);
      const seen: number[][] = [];
      const tokenMask = new TokenMask(2, Uint8Array.of(0, 1, 1, 1));
      const onRouting: FeedForwardContext["onRouting"] = (routing) => {
        seen.push(routing.logits.shape, [...routing.logits.dataSync()]);
        expect([routing.layer, routing.rows]).toEqual([3, 2]);
        expect([routerOf(routing), tokenMaskOf(routing)]).toEqual([block.router, tokenMask]);
      };
      const actual = numbers(() => block.forward(x(), { layer: 3, tokenMask, onRouting }));
      expect(seen[0]).toEqual([4, 3]);
      const expected = numbers(() => {
        const tokens: Tensor2D = reshape(x(), [4, 4]);
        const { logits, ...routing } = block.router.route(tokens);
        expectClose(seen[1]!, [...logits.dataSync()]);
        const indices = routing.indices.arraySync();
        const weights = routing.weights.arraySync();
        const experts = [0, 1, 2].map((e) => {
          const part = (p: typeof block.experts.gateProj) => p.weight.parts[e]!;
          const gate = matMul(tokens, part(block.experts.gateProj), false, true);
          const up = matMul(tokens, part(block.experts.upProj), false, true);
          const inner = mul(mul(gate, sigmoid(gate)), up);
          return matMul(inner, part(block.experts.downProj), false, true).arraySync() as number[][];
        });
        return tensor2d(
          indices.map((chosen, t) =>
            [0, 1, 2, 3].map((m) => chosen.reduce((sum, e, k) => sum + weights[t]![k]! * experts[e]![t]![m]!, 0)),
          ),
        );
      });
      expectClose(actual, expected);
      block.dispose();
    });
  });

  test("shared experts see every token, and their output is added", async () => {
    for (const shared of [new GatedMlp(config, 4), new GatedSharedExpert(config, 4)]) {
      const block = blockOf(shared);
      await fillAll(block);
      const all = numbers(() => block.forward(x()));
      const alone = numbers(() => shared.forward(reshape(x(), [4, 4]) as Tensor2D));
      const routed = numbers(() => new MoeBlock({ router: block.router, experts: block.experts }).forward(x()));
      expectClose(
        all,
        routed.map((value, i) => value + alone[i]!),
      );
      block.dispose();
    }
  });

  test("without shared experts there is no such part", () => {
    expect([...blockOf().children()].map(([name]) => name)).toEqual(["router", "experts"]);
  });
});

test("GatedSharedExpert: sigmoid(gate(x)) · mlp(x)", async () => {
  const shared = new GatedSharedExpert({ hiddenSize: 2, hiddenAct: "silu" }, 3);
  await fillAll(shared);
  const tokens = () => tensor2d([1, -2, 0.5, 3], [2, 2]);
  const gate = numbers(() => sigmoid(shared.gate.forward(tokens())));
  const mlp = numbers(() => shared.mlp.forward(tokens()));
  expectClose(
    numbers(() => shared.forward(tokens())),
    mlp.map((value, i) => gate[Math.floor(i / 2)]! * value),
  );
  shared.dispose();
});
