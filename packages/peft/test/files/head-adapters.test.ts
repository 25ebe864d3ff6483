/** Adapters of classifiers and question answerers: those that Hugging Face peft made, and ours as it expects them. */

import { join } from "node:path";
import type { ModelClass, PreTrainedModel } from "@mixtape/decoder";
import {
  MixtralForQuestionAnswering,
  MixtralForSequenceClassification,
  MixtralForTokenClassification,
} from "@mixtape/mixtral";
import {
  Qwen3MoeForQuestionAnswering,
  Qwen3MoeForSequenceClassification,
  Qwen3MoeForTokenClassification,
  Qwen3MoeModel,
} from "@mixtape/qwen3-moe";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { expectAllClose, fixture, onEachEngine, readHeadGolden, withoutLeak } from "@mixtape/testing";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { adapterFiles, applyAdapter, loadAdapter } from "../../src/index.js";

/** A model that runs inputs of any head. */
type AnyHead = PreTrainedModel & { forward(inputs: object): Record<string, Tensor> };

const CASES = [
  ["mixtral/sequence-right-padded", MixtralForSequenceClassification, "SEQ_CLS", ["classifier", "score"]],
  ["mixtral/tokens", MixtralForTokenClassification, "TOKEN_CLS", ["classifier", "score"]],
  ["mixtral/questions", MixtralForQuestionAnswering, "QUESTION_ANS", ["qa_outputs"]],
  ["qwen3-moe/sequence-right-padded", Qwen3MoeForSequenceClassification, "SEQ_CLS", ["classifier", "score"]],
  ["qwen3-moe/tokens", Qwen3MoeForTokenClassification, "TOKEN_CLS", ["classifier", "score"]],
  ["qwen3-moe/questions", Qwen3MoeForQuestionAnswering, "QUESTION_ANS", ["qa_outputs"]],
] as unknown as readonly (readonly [string, ModelClass<AnyHead>, string, readonly string[]])[];

const json = (files: ReadonlyMap<string, Uint8Array>) =>
  JSON.parse(new TextDecoder().decode(files.get("adapter_config.json"))) as Record<string, unknown>;

onEachEngine(() => {
  test.each(CASES)("%s: one that peft made computes what it does there", async (name, Model) => {
    await withoutLeak(async () => {
      const model = await Model.fromPretrained(fixture(`heads/${name}`));
      const warnings: string[] = [];
      const folder = fixture(`head-adapters/${name}`);
      await loadAdapter(model, folder, { onWarning: (message) => warnings.push(message) });
      expect(warnings).toEqual([]);
      const { inputs } = await readHeadGolden(fixture(`heads/${name}`));
      const output = model.forward(inputs);
      const golden = await openSafetensors(join(folder, "golden.safetensors"));
      expect(golden.names.length).toBe(Object.keys(output).length);
      for (const [field, tensor] of Object.entries(output)) {
        const view = golden.tensor(field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
        const values = toFloat32(await view.read(), view.dtype);
        await expectAllClose(tensor, values, { atol: field === "loss" ? 1e-5 : 1e-4 }, field);
      }
      await golden.close();
      dispose(output);
      model.dispose();
    });
  });
});

describe("a new adapter", () => {
  test.each(CASES)(
    "%s: trains the head too, and says so in its file as peft does",
    async (name, Model, taskType, modules) => {
      const model = await Model.fromPretrained(fixture(`heads/${name}`));
      const adapter = await applyAdapter(model, { method: "lora", r: 2, targetModules: "all-linear" });
      const head = modules.at(-1)!;
      const own = adapter.table.filter(({ module }) => module === head);
      expect(own.map(({ parameters }) => parameters.map((param) => param.name))).toEqual([
        taskType === "SEQ_CLS" ? ["weight"] : ["weight", "bias"],
      ]);
      expect([...adapter.layers.keys()].some((site) => site.name === head)).toBe(false);
      expect(json(await adapterFiles(adapter))).toMatchObject({ task_type: taskType, modules_to_save: modules });
      model.dispose();
    },
  );

  test("of a model without a head has names without a prefix, and no copies", async () => {
    const model = await Qwen3MoeModel.fromPretrained(fixture("heads/qwen3-moe/tokens"), { onWarning: () => {} });
    const adapter = await applyAdapter(model, { method: "lora", r: 2, targetModules: ["q_proj"] });
    expect(adapter.copies).toEqual([]);
    const files = await adapterFiles(adapter);
    expect(json(files)).toMatchObject({ task_type: "FEATURE_EXTRACTION" });
    expect(new TextDecoder().decode(files.get("adapter_model.safetensors"))).toContain(
      '"base_model.model.layers.0.self_attn.q_proj.lora_A.weight"',
    );
    model.dispose();
  });

  test("has to name modules that there are", async () => {
    const model = await MixtralForTokenClassification.fromPretrained(fixture("heads/mixtral/tokens"));
    const attempt = applyAdapter(model, { method: "lora", targetModules: ["q_proj"], modulesToSave: ["classifier"] });
    await expect(attempt).rejects.toThrow("modulesToSave: expected ends of names of modules, such as embed_tokens");
    model.dispose();
  });
});
