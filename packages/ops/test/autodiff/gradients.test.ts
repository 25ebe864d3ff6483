/** Gradients of ops inside gradients, of variables, and of what has none. */

import {
  cast,
  customGrad,
  dispose,
  engine,
  grad,
  grads,
  greater,
  less,
  memory,
  mul,
  type Scalar,
  scalar,
  square,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor1d,
  tensor2d,
  tidy,
  topk,
  variable,
  variableGrads,
  where,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  AttentionMask,
  attention,
  experts,
  gradientsOf,
  noGrad,
  OpsError,
  rmsNorm,
  silu,
  topKIndices,
  valueAndGradientsOf,
  type Weight,
} from "../../src/index.js";
import { expectClose, expectTensor } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { composed } from "../support/kernels.js";
import { normal, toTensor } from "../support/values.js";

describe.each(ENGINES)("on %s", (name) => {
  beforeAll(() => useBackend(name));

  describe("gradients nest", () => {
    const scale = normal(2, [4], { scale: 0.3, shift: 1 });
    const x = normal(1, [3, 4]);
    const weighing = normal(3, [3, 4]);
    /** Two fused ops with something in between. */
    const block = (input: Tensor, w: Tensor): Tensor =>
      rmsNorm(square(rmsNorm(input, w as Tensor1D, 1e-5)), w as Tensor1D, 1e-5);
    const plain = (): Float32Array[] =>
      tidy(() => grads(block)([toTensor(x), toTensor(scale)], toTensor(weighing)).map(valuesOf));

    /** Keeps the inputs alone and recomputes the block on the way back, as gradient checkpointing does. */
    const checkpointed = (f: typeof block) =>
      customGrad((...args) => {
        const save = args.pop() as unknown as (tensors: Tensor[]) => void;
        const inputs = args as Tensor[];
        save(inputs);
        return {
          value: f(inputs[0]!, inputs[1]!),
          gradFunc: (dy: Tensor, saved: Tensor[]) => gradientsOf(() => f(saved[0]!, saved[1]!), saved, dy),
        };
      }) as typeof block;

    test.each([
      ["one level", checkpointed(block)],
      ["two levels", checkpointed(checkpointed(block))],
    ])("in a custom gradient that recomputes: %s", (_, f) => {
      const expected = plain();
      const [input, w, dy] = [toTensor(x), toTensor(scale), toTensor(weighing)];
      const before = memory();
      const found = grads(f)([input, w], dy);
      expect(memory().numTensors - before.numTensors).toBe(2);
      found.forEach((gradient, i) => {
        expectClose(valuesOf(gradient), expected[i]!);
        gradient.dispose();
      });
      expect(memory().numTensors).toBe(before.numTensors);
      expect(memory().numBytes).toBe(before.numBytes);
      expect(engine().state).toMatchObject({ activeTape: null, gradientDepth: 0, kernelDepth: 0 });
    });

    test("on the way there, where tf.grads refuses", () => {
      const gradientOfBlock = (input: Tensor): Tensor => gradientsOf(() => block(input, w), [input], dy)[0]!;
      const [input, w, dy] = [toTensor(x), toTensor(scale) as Tensor1D, toTensor(weighing)];
      const f = customGrad((...args) => ({
        value: gradientOfBlock(args[0] as Tensor),
        gradFunc: (above: Tensor) => mul(above, 2),
      }));
      const before = memory().numTensors;
      tidy(() => {
        expectClose(valuesOf(f(input)), plain()[0]!);
        // Within another gradient too, which sees only the custom one.
        expectClose(
          valuesOf(grad((y) => f(y))(input, dy)),
          weighing.values.map((value) => 2 * value),
        );
      });
      expect(memory().numTensors).toBe(before);
    });

    test("of a gradient: the second derivative is the composition's", () => {
      const second = () =>
        tidy(() => {
          const [input, w, dy] = [toTensor(x), toTensor(scale) as Tensor1D, toTensor(weighing)];
          const first = (y: Tensor) => grad((z) => block(z, w))(y, dy);
          return valuesOf(grad((y) => sum(square(first(y))))(input));
        });
      const before = memory().numTensors;
      expectClose(second(), composed(second), { absolute: 1e-4, relative: 1e-4 });
      expect(memory().numTensors).toBe(before);
    });

    test("of an op that is given one tensor twice, both count", () => {
      const x = toTensor(scale) as Tensor1D;
      // y = x·x/√(mean(x²) + 1): both inputs are x.
      const twice = (input: Tensor) => rmsNorm(input, input as Tensor1D, 1);
      expectClose(
        valuesOf(grad(twice)(x)),
        composed(() => valuesOf(grad(twice)(x))),
      );
    });

    test("what gradientsOf throws leaves tfjs as it was", () => {
      const x = tensor1d([1, 2]);
      const fails = () => {
        throw new Error("no");
      };
      expect(() => gradientsOf(fails, [x], scalar(1))).toThrow("no");
      expect(engine().state).toMatchObject({ activeTape: null, gradientDepth: 0, kernelDepth: 0 });
      expectClose(valuesOf(grad((y) => sum(square(y)))(x)), [2, 4]);
    });

    test("gradientsOf gives zero for what the value does not use", () => {
      const [used, unused, dy] = [tensor1d([1, 2]), tensor1d([3, 4, 5]), tensor1d([1, 10])];
      const before = memory().numTensors;
      const [first, second] = gradientsOf(() => square(used), [used, unused], dy);
      expect(memory().numTensors - before).toBe(2);
      expectTensor(first!, { shape: [2], values: [2, 40] });
      expectTensor(second!, { shape: [3], values: [0, 0, 0] });
    });

    test("a mask may be disposed before the way back", () => {
      const shape = { queries: 2, keys: 2, keyPadding: { rows: 1, values: Uint8Array.of(0, 1) } };
      const [q, k, v] = [1, 2, 3].map((seed) => toTensor(normal(seed, [1, 1, 2, 3])) as Tensor4D);
      const gradients = (early: boolean): Float32Array[] =>
        tidy(() => {
          const mask = new AttentionMask(shape);
          const f = (...[a, b, c]: Tensor[]) => {
            const y = attention(a as Tensor4D, b as Tensor4D, c as Tensor4D, mask, 1);
            if (early) mask.dispose();
            return y;
          };
          const found = grads(f)([q!, k!, v!]).map(valuesOf);
          if (!early) mask.dispose();
          return found;
        });
      const before = memory().numTensors;
      const [late, early] = [gradients(false), gradients(true)];
      late.forEach((expected, i) => {
        expectClose(early[i]!, expected);
      });
      expect(memory().numTensors).toBe(before);
    });
  });

  describe("variables", () => {
    test("of experts that no token chose get no gradient, and the others theirs", () => {
      const matrices = (seed: number, shape: number[]) =>
        [0, 1, 2].map((e) => variable(toTensor(normal(seed + e, shape)) as Tensor2D));
      const parts = { gate: matrices(1, [2, 3]), up: matrices(4, [2, 3]), down: matrices(7, [3, 2]) };
      const stack = (own: Tensor2D[], shape: number[]): Weight => ({
        role: "stack",
        shape,
        layout: "plain",
        parts: own,
      });
      const stacks = {
        gate: stack(parts.gate, [3, 2, 3]),
        up: stack(parts.up, [3, 2, 3]),
        down: stack(parts.down, [3, 3, 2]),
      };
      const routed = {
        x: toTensor(normal(10, [2, 3])) as Tensor2D,
        indices: tensor2d([2, 0], [2, 1], "int32"),
        weights: tensor2d([0.5, 2], [2, 1]),
      };
      const before = memory().numTensors;
      const { value, grads: found } = variableGrads(() => sum(experts(routed, stacks, silu, "sparse")) as Scalar);
      const named = Object.values(parts).map((own) =>
        own.map((part) => part.name in found && found[part.name] !== null),
      );
      expect(named).toEqual([1, 2, 3].map(() => [true, false, true]));
      expect(memory().numTensors - before).toBe(7);
      dispose([value, found]);
      const zeros = gradientsOf(() => experts(routed, stacks, silu, "sparse"), [parts.up[1]!], routed.x);
      expectTensor(zeros[0]!, { shape: [2, 3], values: new Float32Array(6) });
      for (const own of Object.values(parts)) dispose(own);
    });
  });

  describe("noGrad", () => {
    test("what it returns is a constant to a gradient", () => {
      const x = tensor1d([3, 4]);
      expectClose(
        valuesOf(
          grad((y) =>
            mul(
              y,
              noGrad(() => square(y)),
            ),
          )(x, tensor1d([1, 1])),
        ),
        [9, 16],
      );
    });

    test("what it throws leaves tfjs recording", () => {
      const x = tensor1d([3, 4]);
      const f = (y: Tensor) => {
        expect(() =>
          noGrad(() => {
            throw new Error("no");
          }),
        ).toThrow("no");
        return square(y);
      };
      expectClose(valuesOf(grad(f)(x)), [6, 8]);
    });

    test("so the choice of experts is a constant, by kernel and by composition", () => {
      const scores = tensor2d([[0.5, 2, 1]]);
      const f = (x: Tensor) => mul(sum(x), sum(cast(topKIndices(x as Tensor2D, 2), "float32")));
      const expected = { shape: [1, 3], values: [3, 3, 3] };
      expectTensor(grad(f)(scores), expected);
      expectTensor(
        composed(() => grad(f)(scores)),
        expected,
      );
    });
  });
});

function valuesOf(tensor: Tensor): Float32Array {
  return tensor.dataSync() as Float32Array;
}

describe("comparisons and what has no gradient", () => {
  beforeAll(() => useBackend("cpu"));

  test("a comparison is a constant, as in torch, wherever its result goes", () => {
    const x = tensor1d([-1, 2, 0.5]);
    const { value, gradients } = valueAndGradientsOf(() => {
      const chosen = where(less(x, 0), mul(x, 3), square(x));
      return sum(mul(chosen, cast(greater(x, 1), "float32"))) as Scalar;
    }, [x]);
    // torch: (torch.where(x < 0, 3 * x, x ** 2) * (x > 1)).sum().backward()
    expect([...value.dataSync()]).toEqual([4]);
    expect([...gradients[0]!.dataSync()]).toEqual([0, 4, 0]);
    const plain = valueAndGradientsOf(() => sum(where(less(x, 0), mul(x, 3), square(x))) as Scalar, [x]);
    expect([...plain.gradients[0]!.dataSync()]).toEqual([3, 4, 1]);
    dispose([x, value, plain.value, ...gradients, ...plain.gradients] as Tensor[]);
  });

  test("an operation that TensorFlow.js cannot differentiate is named", () => {
    const x = tensor1d([-1, 2, 0.5]);
    const attempt = () => valueAndGradientsOf(() => sum(topk(x, 1).values) as Scalar, [x]);
    expect(attempt).toThrow(OpsError);
    expect(attempt).toThrow(
      "the gradient with respect to x of TopK: expected an operation that TensorFlow.js can differentiate, got one that it cannot.",
    );
    x.dispose();
  });
});
