import type { CapturedRouting, MoeBlock, SoftmaxRouter } from "@mixtape/layers";
import { registerEngine, storageOf, TensorKeyValueStore, valueAndGradientsOf } from "@mixtape/ops";
import type { Rank, Tensor3D } from "@tensorflow/tfjs-core";
import {
  dispose,
  getKernel,
  memory,
  registerKernel,
  tensor3d,
  tidy,
  unregisterKernel,
  zeros,
} from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import type { CausalLMInputs, LayerContext, ModelInputs } from "../src/index.js";
import { TinyForCausalLM, TinyLayer, tiny, tinyFamily, useCpu, withoutLeak } from "./support/tiny.js";

let model: TinyForCausalLM;
beforeAll(async () => {
  await useCpu();
  model = await tiny();
});
afterAll(() => model.dispose());

/** The message of the error that these inputs raise; nothing may be left behind. */
async function refusal(inputs: CausalLMInputs): Promise<string> {
  return withoutLeak(() => {
    try {
      model.forward(inputs);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error("expected an error");
  });
}

test("outputs have the shapes that the documentation gives, and are all that is left", async () => {
  const shapes = await withoutLeak(() => {
    const output = tidy(() => {
      const { logits, loss, auxLoss, hiddenStates, attentions, routerLogits } = model.forward({
        inputIds: [
          [1, 2, 3],
          [4, 5, 6],
        ],
        labels: [
          [1, 2, 3],
          [4, 5, 6],
        ],
        outputHiddenStates: true,
        outputAttentions: true,
        outputRouterLogits: true,
      });
      const all = { logits: [logits], loss: [loss!], auxLoss: [auxLoss!], hiddenStates, attentions, routerLogits };
      return Object.entries(all).map(
        ([name, tensors]) => `${name}: ${tensors!.map(({ shape }) => `[${shape}]`).join(" ")}`,
      );
    });
    return output;
  });
  expect(shapes).toEqual([
    "logits: [2,3,11]",
    "loss: []",
    "auxLoss: []",
    "hiddenStates: [2,3,4] [2,3,4] [2,3,4]",
    "attentions: [2,2,3,3] [2,2,3,3]",
    "routerLogits: [6,3]",
  ]);
});

test("router logits come as the config says, unless asked for", async () => {
  const eager = await tiny({ outputRouterLogits: true });
  tidy(() => {
    expect(Object.keys(eager.forward({ inputIds: [[1]] })).sort()).toEqual(["auxLoss", "logits", "routerLogits"]);
    expect(Object.keys(eager.forward({ inputIds: [[1]], outputRouterLogits: false }))).toEqual(["logits"]);
    expect(Object.keys(model.forward({ inputIds: [[1]] }))).toEqual(["logits"]);
  });
  eager.dispose();
});

test("the loss is the cross-entropy, plus the auxiliary loss times its coefficient where it is computed", () => {
  tidy(() => {
    const inputs = { inputIds: [[1, 2, 3]], labels: [[1, 2, 3]] };
    const plain = model.forward(inputs).loss!.dataSync()[0]!;
    const { loss, auxLoss } = model.forward({ ...inputs, outputRouterLogits: true });
    expect(loss!.dataSync()[0]).toBeCloseTo(plain + 0.5 * auxLoss!.dataSync()[0]!, 5);
    expect(auxLoss!.dataSync()[0]).toBeGreaterThan(0.5);
  });
});

describe("positions", () => {
  const logits = (inputs: CausalLMInputs) => tidy(() => Array.from(model.forward(inputs).logits.dataSync()));

  test("count from 0, and with a cache from what it has seen", () => {
    const inputIds = [[1, 2, 3]];
    expect(logits({ inputIds, positionIds: [[0, 1, 2]] })).toEqual(logits({ inputIds }));
    expect(logits({ inputIds, positionIds: [[0, 1, 9]] })).not.toEqual(logits({ inputIds }));
    const [given, counted] = [model.createCache(), model.createCache()];
    for (const cache of [given, counted]) logits({ inputIds, cache });
    expect(logits({ inputIds: [[4]], positionIds: [[3]], cache: given })).toEqual(
      logits({ inputIds: [[4]], cache: counted }),
    );
    for (const cache of [given, counted]) cache.dispose();
  });

  test("one row serves all rows", () => {
    const inputIds = [
      [1, 2],
      [3, 4],
    ];
    const [row] = [[5, 9]];
    expect(logits({ inputIds, positionIds: [row!] })).toEqual(logits({ inputIds, positionIds: [row!, row!] }));
  });

  test("of another size are refused", async () => {
    const inputIds = [
      [1, 2],
      [3, 4],
    ];
    expect(await refusal({ inputIds, positionIds: [[1, 2, 3]] })).toContain(
      "positionIds: expected 2 × 2, or 1 × 2, got 1 × 3",
    );
    expect(
      await refusal({
        inputIds,
        positionIds: [
          [1, 2],
          [1, 2],
          [1, 2],
        ],
      }),
    ).toContain("or 1 × 2, got 3 × 2");
  });
});

describe("masks", () => {
  test("cover what the cache holds", async () => {
    const cache = model.createCache();
    tidy(() => model.forward({ inputIds: [[1, 2, 3]], cache }));
    expect(await refusal({ inputIds: [[4]], attentionMask: [[1]], cache })).toContain(
      "attentionMask: expected 1 × 4, tokens in the cache included, got 1 × 1",
    );
    tidy(() => model.forward({ inputIds: [[4]], attentionMask: [[0, 1, 1, 1]], cache }));
    cache.dispose();
  });

  test("have the batch's rows", async () => {
    expect(await refusal({ inputIds: [[1], [2]], attentionMask: [[1]] })).toContain(
      "attentionMask: expected 2 × 1, tokens in the cache included, got 1 × 1",
    );
  });

  test("hide what is padding", () => {
    const logits = (first: number, mask: number) =>
      tidy(() =>
        Array.from(
          model.forward({ inputIds: [[first, 2]], attentionMask: [[mask, 1]], logitsToKeep: 1 }).logits.dataSync(),
        ),
      );
    expect(logits(1, 0)).toEqual(logits(5, 0));
    expect(logits(1, 1)).not.toEqual(logits(5, 1));
  });
});

describe("inputs that do not fit are refused", () => {
  test("ids and embeddings together, neither, or of another width", async () => {
    const inputsEmbeds = zeros<Rank.R3>([1, 2, 4]);
    const both = { inputIds: [[1, 2]], inputsEmbeds } as unknown as CausalLMInputs;
    expect(await refusal(both)).toContain(
      "inputsEmbeds: expected [B, L, 4], and no inputIds beside them, got [1,2,4] and",
    );
    inputsEmbeds.dispose();
    expect(await refusal({} as CausalLMInputs)).toContain("forward: expected inputIds or inputsEmbeds, got neither");
    const wide = tensor3d([[[1, 2, 3]]]);
    expect(await refusal({ inputsEmbeds: wide })).toContain("inputsEmbeds: expected [B, L, 4], and no inputIds");
    wide.dispose();
  });

  test("a cache of another model", async () => {
    const other = await tiny({ numHiddenLayers: 3 });
    const cache = other.createCache();
    expect(await refusal({ inputIds: [[1]], cache })).toContain(
      "cache: expected a cache from this model's createCache, got a cache for 3 layers, with keys and values; keys and values; keys and values",
    );
    other.dispose();
  });

  test("a cache of other rows", async () => {
    const cache = model.createCache();
    tidy(() => model.forward({ inputIds: [[1], [2]], cache }));
    expect(await refusal({ inputIds: [[1]], cache })).toContain(
      "cache: expected a cache of 1 rows, as many as the inputs, got 2",
    );
    cache.dispose();
  });

  test("logitsToKeep", async () => {
    const inputIds = [[1, 2, 3]];
    for (const bad of [-1, 1.5])
      expect(await refusal({ inputIds, logitsToKeep: bad })).toContain(
        `logitsToKeep: expected a count of positions, got ${bad}`,
      );
    for (const bad of [[], [3], [-1], [0.5]])
      expect(await refusal({ inputIds, logitsToKeep: bad })).toContain(
        `logitsToKeep: expected positions from 0 to 2, got [${bad}]`,
      );
    expect(await refusal({ inputIds, labels: inputIds, logitsToKeep: 1 })).toContain(
      "logitsToKeep: expected 0 when labels are given, got 1",
    );
  });

  test("a model without weights, and one that was disposed", async () => {
    const gone = await tiny();
    gone.dispose();
    expect(() => gone.forward({ inputIds: [[1]] })).toThrow(
      "a parameter [11,4]: expected values, got none. Load a checkpoint",
    );
  });
});

test("the types allow ids or embeddings, never both and never neither", () => {
  type Embeds = { inputsEmbeds: Tensor3D };
  expectTypeOf<{ inputIds: number[][] }>().toExtend<ModelInputs>();
  expectTypeOf<Embeds>().toExtend<ModelInputs>();
  expectTypeOf<{ inputIds: number[][] } & Embeds>().not.toExtend<ModelInputs>();
  expectTypeOf<{ attentionMask: number[][] }>().not.toExtend<ModelInputs>();
  expectTypeOf<{ inputIds: number[][] } & Embeds>().not.toExtend<CausalLMInputs>();
});

test("the engine that keeps a cache is told the dtype of the checkpoint", async () => {
  const storage = storageOf("cpu");
  const asked: unknown[] = [];
  registerEngine("cpu", {
    storage: {
      description: "of a test",
      place: (view, role) => storage.place(view, role),
      bytes: (shape, role, dtype) => storage.bytes(shape, role, dtype),
      keyValueStore: (options) => {
        asked.push(options);
        return new TensorKeyValueStore();
      },
    },
  });
  try {
    const rounded = await tiny();
    await rounded.initialize({ dtype: "BF16" });
    for (const one of [model, rounded]) {
      const cache = one.createCache();
      tidy(() => one.forward({ inputIds: [[1, 2]], cache }));
      cache.dispose();
    }
    rounded.dispose();
  } finally {
    registerEngine("cpu", { storage });
  }
  expect(asked).toEqual([{ dtype: "F32" }, { dtype: "F32" }, { dtype: "BF16" }, { dtype: "BF16" }]);
});

describe("what a layer makes is freed when it is done", () => {
  /** The most bytes that there were when a norm, which each layer begins with, began. */
  async function mostBytes(numHiddenLayers: number, run: (of: TinyForCausalLM) => void): Promise<number> {
    const deep = await tiny({ numHiddenLayers });
    const { kernelFunc, ...kernel } = getKernel("Square", "cpu");
    const before = memory().numBytes;
    let most = 0;
    unregisterKernel("Square", "cpu");
    registerKernel({
      ...kernel,
      kernelFunc: (args) => {
        most = Math.max(most, memory().numBytes - before);
        return kernelFunc(args);
      },
    });
    try {
      run(deep);
    } finally {
      unregisterKernel("Square", "cpu");
      registerKernel({ ...kernel, kernelFunc });
    }
    deep.dispose();
    return most;
  }

  const inputIds = [Array.from({ length: 16 }, (_, i) => i % 11)];

  test("so that a deep model needs what a shallow one does", async () => {
    const run = (of: TinyForCausalLM) => of.forward({ inputIds }).logits.dispose();
    const shallow = await mostBytes(2, run);
    expect(shallow).toBeGreaterThan(0);
    expect(await mostBytes(8, run)).toBe(shallow);
  });

  test("but what is asked for stays", async () => {
    const run = (of: TinyForCausalLM) => {
      const { hiddenStates, routerLogits, attentions } = of.forward({
        inputIds,
        outputHiddenStates: true,
        outputRouterLogits: true,
        outputAttentions: true,
      });
      for (const tensor of [...hiddenStates!, ...routerLogits!, ...attentions!])
        expect(Array.from(tensor.dataSync()).every(Number.isFinite)).toBe(true);
    };
    await withoutLeak(() => tidy(() => run(model)));
  });
});

test("what is captured survives a tidy in a layer of one's own, and has a gradient", async () => {
  class Tidied extends TinyLayer {
    override forward(x: Tensor3D, context: LayerContext): Tensor3D {
      return tidy(() => super.forward(x, context));
    }
  }
  class TidiedForCausalLM extends TinyForCausalLM {
    static override readonly family = tinyFamily.extend({ layer: Tidied });
  }
  const plain = await tiny();
  const model = new TidiedForCausalLM(plain.config);
  await model.initialize({ seed: 3, std: 0.4 });
  const inputs = { inputIds: [[1, 2, 3]], labels: [[1, 2, 3]], outputRouterLogits: true, outputRoutings: true };
  const gate = ({ model: { layers } }: TinyForCausalLM) =>
    (layers[1]!.mlp as MoeBlock<SoftmaxRouter>).router.gate.weight.weight.parts;
  const seen = await withoutLeak(() =>
    [plain, model].flatMap((of) =>
      [false, true].map((gradientCheckpointing) => {
        const numbers: number[][] = [];
        const { value, gradients } = valueAndGradientsOf(() => {
          const { auxLoss, routings, routerLogits } = of.forward({ ...inputs, gradientCheckpointing });
          const [{ logits, indices, weights }] = routings as [CapturedRouting];
          expect([routings![0]!.layer, routings![0]!.rows]).toEqual([1, 1]);
          for (const tensor of [logits, routerLogits![0]!, indices, weights]) numbers.push([...tensor.dataSync()]);
          return auxLoss!;
        }, [...gate(of)]);
        for (const tensor of [value, gradients[0]!]) numbers.push([...tensor.dataSync()]);
        dispose([value, ...gradients.map((gradient) => gradient!)]);
        return numbers;
      }),
    ),
  );
  expect(seen[0]!.at(-1)!.some((slope) => slope !== 0)).toBe(true);
  for (const numbers of seen) expect(numbers).toEqual(seen[0]);
  plain.dispose();
  model.dispose();
});
