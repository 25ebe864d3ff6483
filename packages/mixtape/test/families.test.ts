import { PreTrainedModel } from "@mixtape/decoder";
import { type MixtralConfig, MixtralForCausalLM, mixtral, mixtralConfig } from "@mixtape/mixtral";
import { describe, expect, test } from "vitest";
import {
  familyOf,
  generateTokens,
  inspectModel,
  loadModel,
  registeredFamilies,
  registerFamily,
  UnknownFamilyError,
} from "../src/index.js";
import { withConfig } from "./files.js";

/** Mixtral under another name. */
class OtherForCausalLM extends MixtralForCausalLM {
  static override readonly family = mixtral.extend({ modelType: "other" });
}

test("the families are there", () => {
  expect(registeredFamilies()).toEqual(
    expect.arrayContaining([
      "mixtral",
      "qwen3_moe",
      "afmoe",
      "olmoe",
      "qwen2_moe",
      "qwen3_next",
      "deepseek_v3",
      "gpt_oss",
    ]),
  );
  expect(familyOf("mixtral")).toBe(MixtralForCausalLM);
});

test.each(registeredFamilies())(
  "%s: a number of layers that no model has is refused before lists are made of it",
  (type) => {
    const { config } = familyOf(type).family;
    expect(() => config.parse({ model_type: type, num_hidden_layers: 16_000_000 })).toThrow(
      /num_hidden_layers: expected .*10000.*, got 16000000/,
    );
  },
);

test("a variant that is registered loads, generates and can be inspected", async () => {
  const checkpoint = withConfig("mixtral/basic", { model_type: "other" });
  await expect(loadModel(checkpoint)).rejects.toThrow(UnknownFamilyError);
  registerFamily(OtherForCausalLM);
  expect(registeredFamilies()).toContain("other");
  const model = await loadModel(checkpoint, { engine: "cpu" });
  expect(model).toBeInstanceOf(OtherForCausalLM);
  expect((await generateTokens(model, [[1]]).next()).value).toMatchObject({ row: 0 });
  expect(await inspectModel(checkpoint)).toMatchObject({ modelType: "other" });
  model.dispose();
});

test("what is registered last counts", async () => {
  class Later extends OtherForCausalLM {}
  registerFamily(OtherForCausalLM);
  registerFamily(Later);
  expect(familyOf("other")).toBe(Later);
});

describe("an error for", () => {
  test.each([
    ["llama", '"llama"'],
    [7, "7"],
  ])("the model type %o", async (modelType, got) => {
    const checkpoint = withConfig("mixtral/basic", { model_type: modelType });
    const message = `config.json: model_type: expected one of ${registeredFamilies().join(", ")}, got ${got}. Register a custom family with registerFamily.`;
    await expect(loadModel(checkpoint)).rejects.toThrow(UnknownFamilyError);
    await expect(loadModel(checkpoint)).rejects.toThrow(message);
    await expect(inspectModel(checkpoint)).rejects.toThrow(message);
  });

  test.each<[unknown, string]>([
    [undefined, "undefined"],
    ["mixtral", "mixtral"],
    [class Plain {}, "Plain without it"],
  ])("%o as a family", (family, got) => {
    expect(() => registerFamily(family as never)).toThrow(UnknownFamilyError);
    expect(() => registerFamily(family as never)).toThrow(
      `registerFamily: expected a class of models with a static family, got ${got}.`,
    );
  });

  test("a class without a head, and a family that was not defined", () => {
    class Headless extends PreTrainedModel<MixtralConfig> {
      static readonly family = mixtral;
    }
    const refused = (family: unknown) => expect(() => registerFamily(family as never));
    refused(Headless).toThrow(UnknownFamilyError);
    refused(Headless).toThrow(
      "Headless: expected a class with a static head, the end of its name in architectures, got none.",
    );
    refused(Object.assign(class Unnamed {}, { family: mixtral, head: "" })).toThrow('got "".');
    const empty = Object.assign(class Empty {}, { family: {}, head: "ForCausalLM" });
    refused(empty).toThrow(UnknownFamilyError);
    refused(empty).toThrow(
      "Empty: expected a static family from defineFamily, with name, config and layer, got another.",
    );
  });

  test("no model type, where the config names a class of transformers", async () => {
    const message = `got none. It names MixtralForCausalLM: add "model_type": "mixtral" to it.`;
    await expect(loadModel(withConfig("mixtral/basic", { model_type: undefined }))).rejects.toThrow(message);
    const nothing = withConfig("mixtral/basic", { model_type: undefined, architectures: undefined });
    await expect(inspectModel(nothing)).rejects.toThrow("Register a custom family with registerFamily.");
  });

  test("a class whose config has no model type", () => {
    class Nameless extends MixtralForCausalLM {
      static override readonly family = {
        ...mixtral,
        config: { ...mixtralConfig, modelType: undefined } as unknown as typeof mixtralConfig,
      };
    }
    expect(() => registerFamily(Nameless)).toThrow("Nameless: expected a config with a modelType, got none.");
  });
});
