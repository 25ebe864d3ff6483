/** Behaviour of heads that golden files do not show. The numbers are tested with the families, against transformers. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng, withRng } from "@mixtape/ops";
import { encodeSafetensors, openCheckpoint } from "@mixtape/safetensors";
import { dispose, memory, type Tensor3D, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  BaseModel,
  DecoderError,
  ForQuestionAnswering,
  ForSequenceClassification,
  ForTokenClassification,
  type LoadWarning,
  PreTrainedModel,
} from "../src/index.js";
import { type TinyConfig, tiny, tinyFamily, tinyOf, useCpu, withoutLeak } from "./support/tiny.js";

class TinyModel extends BaseModel<TinyConfig> {
  static readonly family = tinyFamily;
}
class TinyForSequenceClassification extends ForSequenceClassification<TinyConfig> {
  static readonly family = tinyFamily;
}
class TinyForTokenClassification extends ForTokenClassification<TinyConfig> {
  static readonly family = tinyFamily;
}
class TinyForQuestionAnswering extends ForQuestionAnswering<TinyConfig> {
  static readonly family = { ...tinyFamily, headPrefixes: { ForQuestionAnswering: "transformer" } };
}

const inputIds = [
  [1, 2, 3],
  [4, 5, 0],
];

let folder: string;
beforeAll(useCpu);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mixtape-heads-"));
});
afterEach(() => rm(folder, { recursive: true }));

const configIn = async () => JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Record<string, unknown>;

async function namesIn(): Promise<readonly string[]> {
  const source = await openCheckpoint(folder);
  const { names } = source;
  await source.close();
  return [...names].sort();
}

describe("the problem of a sequence classifier", () => {
  const settled = async (
    changes: Partial<TinyConfig>,
    labels: Parameters<ForSequenceClassification["forward"]>[0]["labels"],
  ) => {
    const model = new TinyForSequenceClassification(tinyOf({ padTokenId: 0, ...changes }));
    await model.initialize();
    const output = model.forward({ inputIds, labels });
    dispose([output.logits, output.loss!]);
    const { problemType } = model.config;
    await model.savePretrained(folder);
    expect(await configIn()).toMatchObject({ problem_type: problemType });
    model.dispose();
    return problemType;
  };

  test("follows from the first labels, and is saved", async () => {
    expect(await settled({ numLabels: 1 }, [0.5, 2])).toBe("regression");
    expect(await settled({ numLabels: 1 }, [[0.5], [2]])).toBe("regression");
    expect(await settled({ numLabels: 3 }, [0, 2])).toBe("single_label_classification");
    expect(await settled({ numLabels: 3 }, [[0], [2]])).toBe("single_label_classification");
    expect(await settled({ numLabels: 3 }, tensor1d([0, 2], "int32"))).toBe("single_label_classification");
    expect(
      await settled({ numLabels: 2 }, [
        [0, 1],
        [1, 1],
      ]),
    ).toBe("multi_label_classification");
    expect(
      await settled(
        { numLabels: 2 },
        tensor2d([
          [0, 0.5],
          [1, 1],
        ]),
      ),
    ).toBe("multi_label_classification");
  });

  test("does not follow from numbers where there are several classes", async () => {
    await expect(settled({ numLabels: 3 }, [0.5, 2])).rejects.toThrow(
      'labels: expected a class from 0 to 2 for each row, or 3 numbers for each, got 0.5. For numbers instead of classes set problem_type to "regression"',
    );
  });
});

test("a head returns its outputs at once, by name", async () => {
  class Own extends PreTrainedModel<TinyConfig> {
    static readonly family = tinyFamily;
    static readonly head = "ForOwn";

    run(head: (hidden: Tensor3D) => unknown): unknown {
      return this.withHead({ inputIds }, head as (hidden: Tensor3D) => object);
    }
  }
  const model = new Own(tinyOf({}));
  await model.initialize();
  const heads: [(hidden: Tensor3D) => unknown, string][] = [
    [
      async (hidden) => ({ hidden }),
      "a Promise. Run the head without async: await the data of its outputs after forward.",
    ],
    [(hidden) => hidden, "a tensor. Give each tensor a name."],
    [(hidden) => [hidden], "an array."],
    [() => undefined, "undefined."],
  ];
  const { numTensors } = memory();
  for (const [head, got] of heads) {
    expect(() => model.run(head)).toThrow(DecoderError);
    expect(() => model.run(head)).toThrow(
      `${model.architecture}: withHead: expected a head that returns an object of outputs, such as { logits }, got ${got}`,
    );
  }
  expect(memory().numTensors).toBe(numTensors);
  model.dispose();
});

test("a token classifier drops hidden states in training alone", async () => {
  const model = new TinyForTokenClassification(tinyOf({ classifierDropout: 0.5 }));
  await model.initialize({ std: 0.4 });
  const logits = () => {
    const { logits } = model.forward({ inputIds });
    const values = [...logits.dataSync()];
    logits.dispose();
    return values;
  };
  const inference = logits();
  expect(logits()).toEqual(inference);
  const [one, other] = [1, 2].map((seed) => withRng(new Rng(seed), logits));
  expect(one).not.toEqual(inference);
  expect(one).not.toEqual(other);
  expect(withRng(new Rng(1), logits)).toEqual(one);
  model.dispose();
});

describe("names on disk", () => {
  test("a question answerer may have another prefix, and reads a decoder under any", async () => {
    const causal = await tiny();
    await causal.savePretrained(folder);
    causal.dispose();
    const warnings: LoadWarning[] = [];
    const model = await TinyForQuestionAnswering.fromPretrained(folder, { onWarning: (one) => warnings.push(one) });
    expect(warnings.map(({ kind, names }) => [kind, ...names])).toEqual([
      ["unused-tensors", "lm_head.weight"],
      ["newly-initialized", "qa_outputs.weight", "qa_outputs.bias"],
    ]);
    expect(warnings[1]!.message).toMatch(
      /^Some weights of TinyForQuestionAnswering are not in .* and are newly initialized: qa_outputs.weight, qa_outputs.bias\. /,
    );
    await model.savePretrained(folder);
    expect((await namesIn()).filter((name) => !name.startsWith("transformer."))).toEqual([
      "qa_outputs.bias",
      "qa_outputs.weight",
    ]);
    expect(await configIn()).toMatchObject({ architectures: ["TinyForQuestionAnswering"] });
    const again = await TinyForQuestionAnswering.fromPretrained(folder, { onWarning: (one) => warnings.push(one) });
    expect(warnings).toHaveLength(2);
    model.dispose();
    again.dispose();
  });

  test("a model without a head has none, and reads those of a model with one", async () => {
    const causal = await tiny();
    await causal.savePretrained(folder);
    const warnings: LoadWarning[] = [];
    const model = await TinyModel.fromPretrained(folder, { onWarning: (one) => warnings.push(one) });
    expect(warnings.map(({ kind, names }) => [kind, ...names])).toEqual([["unused-tensors", "lm_head.weight"]]);
    await model.savePretrained(folder);
    expect((await namesIn()).filter((name) => !/^(layers\.\d|embed_tokens|norm)\./.test(name))).toEqual([]);
    const again = await TinyModel.fromPretrained(folder);
    const [one, two, three] = [model, again, causal.model].map((of) => of.forward({ inputIds }).lastHiddenState);
    expect(two!.dataSync()).toEqual(one!.dataSync());
    expect(three!.dataSync()).toEqual(one!.dataSync());
    dispose([one!, two!, three!]);
    for (const of of [model, again, causal]) of.dispose();
  });

  test("the decoder of a checkpoint must be whole, and a head of another size is an error", async () => {
    const causal = await tiny();
    const tensors = [...causal.tensorsToWrite()];
    await causal.savePretrained(folder);
    const broken = await encodeSafetensors(tensors.filter(({ name }) => name !== "model.norm.weight"));
    causal.dispose();
    const model = await TinyForSequenceClassification.fromPretrained(folder, { onWarning: () => {} });
    await model.savePretrained(folder);
    model.dispose();
    await expect(TinyForSequenceClassification.fromPretrained(folder, { config: { numLabels: 5 } })).rejects.toThrow(
      /score.weight is \[2,4\] and should be \[5,4\](.|\n)*has a trained classifier with 2 classes/,
    );
    const config = new TextEncoder().encode(JSON.stringify({ ...(await configIn()) }));
    const files = new Map([
      ["config.json", config],
      ["model.safetensors", broken],
    ]);
    await expect(TinyForSequenceClassification.fromPretrained(files, { onWarning: () => {} })).rejects.toThrow(
      /missing model.norm.weight/,
    );
  });
});

test("loading may change the number of classes, which then have names of their own", async () => {
  const causal = await tiny({ id2label: { 0: "no", 1: "yes" } });
  await causal.savePretrained(folder);
  causal.dispose();
  const load = async (config: Partial<TinyConfig>) => {
    const model = await TinyForTokenClassification.fromPretrained(folder, { config, onWarning: () => {} });
    model.dispose();
    return model.config;
  };
  expect((await load({})).id2label).toEqual({ 0: "no", 1: "yes" });
  expect((await load({ numLabels: 2 })).id2label).toEqual({ 0: "no", 1: "yes" });
  expect(await load({ numLabels: 3 })).toMatchObject({
    numLabels: 3,
    id2label: { 0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2" },
  });
  expect(await load({ id2label: { 0: "a", 1: "b", 2: "c" } })).toMatchObject({ numLabels: 3, id2label: { 2: "c" } });
  await expect(load({ numLabels: 2, id2label: { 0: "a", 1: "b", 2: "c" } })).rejects.toThrow(/num_?labels/i);
});

describe("embeddings", () => {
  const attentionMask = [
    [1, 1, 1],
    [1, 1, 0],
  ];

  test("are the mean over the tokens, or the last token, of norm 1 where asked for", async () => {
    await withoutLeak(async () => {
      const model = new TinyModel(tinyOf());
      await model.initialize({ std: 0.4 });
      const { lastHiddenState } = model.forward({ inputIds, attentionMask });
      const hidden = (await lastHiddenState.array()) as number[][][];
      lastHiddenState.dispose();
      const mean = hidden.map((row, i) => {
        const tokens = row.filter((_, at) => attentionMask[i]![at] === 1);
        return row[0]!.map((_, feature) => tokens.reduce((sum, token) => sum + token[feature]!, 0) / tokens.length);
      });
      const last = [hidden[0]![2]!, hidden[1]![1]!];
      const unit = (vector: readonly number[]) => vector.map((value) => value / Math.hypot(...vector));
      const expectVectors = async (options: object, expected: readonly (readonly number[])[]) => {
        const vectors = model.embeddings({ inputIds, attentionMask }, options);
        expect(vectors.shape).toEqual([2, 4]);
        for (const [i, value] of [...(await vectors.data())].entries())
          expect(value).toBeCloseTo(expected.flat()[i]!, 6);
        vectors.dispose();
      };
      await expectVectors({}, mean);
      await expectVectors({ pooling: "mean", normalize: true }, mean.map(unit));
      await expectVectors({ pooling: "last-token" }, last);
      await expectVectors({ pooling: "last-token", normalize: true }, last.map(unit));
      model.dispose();
    });
  });

  test("refuse a row of padding, a mask of another size, and what is no pooling", async () => {
    const model = new TinyModel(tinyOf());
    await model.initialize();
    const attempt = (mask: number[][], options: object, message: string) =>
      withoutLeak(() => expect(() => model.embeddings({ inputIds, attentionMask: mask }, options)).toThrow(message));
    await attempt(
      [
        [1, 1, 1],
        [0, 0, 0],
      ],
      {},
      "attentionMask[1]: expected at least one token, got only padding",
    );
    await attempt(attentionMask, { pooling: "max" }, 'pooling: expected "mean" or "last-token", got "max"');
    await attempt(attentionMask, { normalise: true }, "normalise");
    model.dispose();
  });
});
