import { readFile } from "node:fs/promises";
import { ForSequenceClassification, ForTokenClassification } from "@mixtape/decoder";
import {
  MixtralForQuestionAnswering,
  MixtralForSequenceClassification,
  MixtralForTokenClassification,
  MixtralModel,
  mixtral,
} from "@mixtape/mixtral";
import { Qwen3MoeForQuestionAnswering, Qwen3MoeModel } from "@mixtape/qwen3-moe";
import { fixture, withoutLeak } from "@mixtape/testing";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import {
  type AnyModel,
  type BaseModel,
  CheckpointError,
  ForCausalLM,
  type ForQuestionAnswering,
  generateTokens,
  inspectModel,
  type LoadWarning,
  loadModel,
  modelClassOf,
  registerFamily,
  TASKS,
  taskOf,
  UnknownArchitectureError,
  useEngine,
} from "../src/index.js";
import { golden, withConfig } from "./files.js";

const head = (name: string) => fixture(`heads/${name}`);
const quiet = { onWarning: () => {} };

beforeAll(async () => {
  await useEngine("cpu");
});

describe("architectures finds the class", () => {
  test.each([
    ["mixtral/sequence-single-label", MixtralForSequenceClassification],
    ["mixtral/tokens", MixtralForTokenClassification],
    ["mixtral/questions", MixtralForQuestionAnswering],
    ["qwen3-moe/questions", Qwen3MoeForQuestionAnswering],
  ])("%s", async (name, Class) => {
    const warnings: LoadWarning[] = [];
    const model = await loadModel(head(name), { onWarning: (one) => warnings.push(one) });
    expect(model.constructor).toBe(Class);
    expect(warnings).toEqual([]);
    model.dispose();
    expect(await inspectModel(head(name))).toMatchObject({
      architecture: Class.name,
      faults: { missing: [], unexpected: [], misshaped: [] },
      warnings: [],
    });
  });

  test("none is one of a causal language model, and a variant's goes by its end", () => {
    const of = (architectures: unknown) => modelClassOf({ model_type: "mixtral", architectures }, "config.json");
    for (const names of [undefined, null, [], ["MyMixtralForCausalLM"]]) expect(of(names).head).toBe("ForCausalLM");
    expect(of(["MixtralModel"])).toBe(MixtralModel);
    expect(of(["MixtralForMaskedLM", "MyMixtralForTokenClassification"])).toBe(MixtralForTokenClassification);
    for (const names of [["MixtralForRewardModel"], ["MixtralForMultipleChoice"], ["GPT2LMHeadModel"]])
      expect(() => of(names), names[0]).toThrow(UnknownArchitectureError);
    expect(() => of(["MixtralForRewardModel"])).toThrow(
      'config.json: architectures: expected one of MixtralForCausalLM, MixtralForSequenceClassification, MixtralForTokenClassification, MixtralForQuestionAnswering, MixtralModel, got ["MixtralForRewardModel"]. Choose a head with options.task',
    );
  });

  test("a family without a class of that head gets one of the generic head", async () => {
    const Class = modelClassOf({ model_type: "olmoe" }, "config.json", "text-classification");
    expect([Class.name, Class.head]).toEqual(["OlmoeForSequenceClassification", "ForSequenceClassification"]);
    expect(modelClassOf({ model_type: "olmoe", architectures: [Class.name] }, "config.json")).toBe(Class);
  });

  test("a class of one's own is registered by its head, beside the others of its family", () => {
    const family = mixtral.extend({ modelType: "with-heads" });
    class Sentiment extends ForSequenceClassification {
      static readonly family = family as never;
      static override readonly head = "ForSentiment";
    }
    class Tagger extends ForTokenClassification {
      static readonly family = family as never;
    }
    registerFamily(Sentiment);
    registerFamily(Tagger);
    const of = (name: string) => modelClassOf({ model_type: "with-heads", architectures: [name] }, "config.json");
    expect(of("MixtralForSentiment")).toBe(Sentiment);
    expect(of("MixtralForTokenClassification")).toBe(Tagger);
    expect(of("MixtralForCausalLM").prototype).toBeInstanceOf(ForCausalLM);
  });
});

describe("a task overrides it", () => {
  test("a causal language model becomes each of them", async () => {
    const folder = golden("qwen3-moe/basic");
    for (const task of TASKS)
      await withoutLeak(async () => {
        const warnings: LoadWarning[] = [];
        const model = await loadModel(folder, { task, onWarning: (one) => warnings.push(one) });
        expect(taskOf(model)).toBe(task);
        const kinds = warnings.map(({ kind, names }) => [kind, ...names]);
        const fresh = {
          "text-classification": ["score.weight"],
          "token-classification": ["score.weight", "score.bias"],
          "question-answering": ["qa_outputs.weight", "qa_outputs.bias"],
        } as Partial<Record<string, string[]>>;
        expect(kinds).toEqual([
          ...(task === "text-generation" ? [] : [["unused-tensors", "lm_head.weight"]]),
          ...(fresh[task] ? [["newly-initialized", ...fresh[task]]] : []),
        ]);
        dispose(model.forward({ inputIds: [[1, 2, 3]] }) as unknown as Record<string, Tensor>);
        model.dispose();
      });
  });

  test("the same seed gives the same head, another seed another", async () => {
    const scores = async (seed: number) => {
      const model = await loadModel(golden("mixtral/basic"), { ...quiet, task: "token-classification", seed });
      const { logits } = model.forward({ inputIds: [[1, 2]] });
      const values = [...logits.dataSync()];
      logits.dispose();
      model.dispose();
      return values;
    };
    expect(await scores(1)).toEqual(await scores(1));
    expect(await scores(1)).not.toEqual(await scores(2));
  });

  test("with the classes of a config", async () => {
    const config = { id2label: { 0: "ham", 1: "spam", 2: "eggs" }, padTokenId: 0 };
    const model = await loadModel(golden("mixtral/basic"), { ...quiet, task: "text-classification", config });
    expect(model.config).toMatchObject({ numLabels: 3, ...config });
    const { logits } = model.forward({
      inputIds: [
        [1, 2],
        [3, 0],
      ],
    });
    expect(logits.shape).toEqual([2, 3]);
    logits.dispose();
    model.dispose();
  });

  test("a classifier writes no text, and neither does a model without a head", async () => {
    const attempt = loadModel(head("mixtral/tokens"), { ...quiet, task: "text-generation" });
    await expect(attempt).rejects.toThrow(CheckpointError);
    await expect(attempt).rejects.toThrow(/missing lm_head.weight(.|\n)*has another head, score/);
    const tagger = await loadModel(head("mixtral/tokens"), quiet);
    await expect(generateTokens(tagger, [[1, 2]]).next()).rejects.toThrow(
      "model: expected a causal language model, got MixtralForTokenClassification. Load a checkpoint that has such a head",
    );
    tagger.dispose();
    const base = await loadModel(head("mixtral/tokens"), { ...quiet, task: "feature-extraction" });
    const vectors = base.embeddings({ inputIds: [[4, 5]] }, { normalize: true });
    expect(vectors.shape).toEqual([1, 12]);
    vectors.dispose();
    expect(base).toBeInstanceOf(MixtralModel);
    base.dispose();
  });

  test("a folder with an unknown architecture loads for a task", async () => {
    const checkpoint = withConfig("mixtral/basic", { architectures: ["MixtralForRewardModel"] });
    await expect(loadModel(checkpoint)).rejects.toThrow(UnknownArchitectureError);
    (await loadModel(checkpoint, { task: "text-generation" })).dispose();
  });

  test("what is no task is refused", async () => {
    await expect(loadModel(golden("mixtral/basic"), { task: "summarization" as "auto" })).rejects.toThrow(
      'loadModel: task: expected one of text-generation, text-classification, token-classification, question-answering, feature-extraction, or auto, got "summarization"',
    );
  });
});

test("the decoder of a classifier and of its checkpoint are one: hidden states are those of the reference", async () => {
  const model = await loadModel(head("qwen3-moe/questions"), { ...quiet, task: "feature-extraction" });
  expect(model).toBeInstanceOf(Qwen3MoeModel);
  model.dispose();
  expect(JSON.parse(await readFile(`${head("qwen3-moe/questions")}/case.json`, "utf8"))).toMatchObject({
    prefix: "transformer",
  });
});

test("types follow from the task", () => {
  type Loaded<O> = O extends object ? ReturnType<typeof loadModel<"question-answering">> : never;
  expectTypeOf<Awaited<Loaded<object>>>().toEqualTypeOf<ForQuestionAnswering>();
  const load = (task: "feature-extraction") => loadModel("folder", { task });
  expectTypeOf(load).returns.resolves.toEqualTypeOf<BaseModel>();
  const plain = () => loadModel("folder");
  expectTypeOf(plain).returns.resolves.toEqualTypeOf<ForCausalLM>();
  const withOptions = () => loadModel("folder", { engine: "cpu" });
  expectTypeOf(withOptions).returns.resolves.toEqualTypeOf<ForCausalLM>();
  const any = () => loadModel("folder", { task: "auto" });
  expectTypeOf(any).returns.resolves.toEqualTypeOf<AnyModel>();
  const either = (task: "text-classification" | "token-classification") => loadModel("folder", { task });
  expectTypeOf(either).returns.resolves.toEqualTypeOf<
    | Awaited<ReturnType<typeof loadModel<"text-classification">>>
    | Awaited<ReturnType<typeof loadModel<"token-classification">>>
  >();
});
