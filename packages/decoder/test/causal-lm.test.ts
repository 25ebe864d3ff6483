import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "@mixtape/config";
import { openCheckpoint } from "@mixtape/safetensors";
import { tidy } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CheckpointError } from "../src/index.js";
import { TinyForCausalLM, tiny, tinyConfig, useCpu, withoutLeak } from "./support/tiny.js";

beforeAll(useCpu);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mixtape-"));
});
afterEach(() => rm(folder, { recursive: true }));

const logits = (of: TinyForCausalLM) => tidy(() => Array.from(of.forward({ inputIds: [[1, 2, 3]] }).logits.dataSync()));
const jsonIn = async (name: string) =>
  JSON.parse(await readFile(join(folder, name), "utf8")) as Record<string, unknown>;

describe("saving and loading", () => {
  test("a folder holds weights, config, generation config and what else is given", async () => {
    await withoutLeak(async () => {
      const model = await tiny();
      model.generationConfig = { temperature: 0.5 };
      await model.savePretrained(folder, { files: { "note.txt": "hello" } });
      expect(await jsonIn("config.json")).toMatchObject({ model_type: "tiny", hidden_size: 4, num_experts: 3 });
      expect(await jsonIn("generation_config.json")).toMatchObject({ temperature: 0.5 });
      expect(await readFile(join(folder, "note.txt"), "utf8")).toBe("hello");
      const loaded = await TinyForCausalLM.fromPretrained(folder);
      expect(logits(loaded)).toEqual(logits(model));
      expect(tinyConfig.toJSON(loaded.config)).toEqual(tinyConfig.toJSON(model.config));
      expect(loaded.generationConfig).toMatchObject({ temperature: 0.5 });
      loaded.dispose();
      model.dispose();
    });
  });

  test("a dtype is that of all tensors and of the config; without one each keeps its own", async () => {
    const model = await tiny();
    await model.savePretrained(folder, { dtype: "F16" });
    expect(await jsonIn("config.json")).toMatchObject({ dtype: "float16" });
    const loaded = await TinyForCausalLM.fromPretrained(folder);
    await loaded.savePretrained(folder);
    const source = await openCheckpoint(folder);
    expect(new Set(source.names.map((name) => source.tensor(name).dtype))).toEqual(new Set(["F16"]));
    await source.close();
    expect(await jsonIn("config.json")).toMatchObject({ dtype: "float16" });
    for (const one of [model, loaded]) one.dispose();
  });

  test("a tied head is not on disk, and is left alone where a copy is", async () => {
    const model = await tiny({ tieWordEmbeddings: true });
    const names = [...model.tensorsToWrite()].map(({ name }) => name);
    expect(names).not.toContain("lm_head.weight");
    await model.savePretrained(folder);
    const expected = logits(model);
    model.dispose();

    const untied = await tiny();
    await untied.savePretrained(folder);
    await writeFile(
      join(folder, "config.json"),
      JSON.stringify({ ...(await jsonIn("config.json")), tie_word_embeddings: true }),
    );
    untied.dispose();
    const loaded = await TinyForCausalLM.fromPretrained(folder);
    expect(loaded.lmHead).toBeNull();
    // The embedding is the first that is drawn, so both models have the same, and tied heads too; the layers follow it.
    expect(logits(loaded)).toEqual(expected);
    loaded.dispose();
  });

  test("saving a model that has no weights is an error, and leaves the folder", async () => {
    const model = await tiny();
    await model.savePretrained(folder);
    model.dispose();
    await expect(model.savePretrained(folder)).rejects.toThrow("expected values, got none");
    const loaded = await TinyForCausalLM.fromPretrained(folder);
    loaded.dispose();
  });
});

describe("folders that are no checkpoint", () => {
  const refusal = async (): Promise<Error> => {
    const outcome: unknown = await withoutLeak(() =>
      TinyForCausalLM.fromPretrained(folder).catch((error: unknown) => error),
    );
    expect(outcome).toBeInstanceOf(Error);
    return outcome as Error;
  };

  test("none at all", async () => {
    const error = await refusal();
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toBe(
      `${folder}/config.json: expected a file, got none. A checkpoint in Hugging Face format has config.json beside its safetensors.`,
    );
  });

  test.each<[string, string | Uint8Array, string]>([
    ["text", "hidden_size = 4", "expected a JSON object in UTF-8, got "],
    ["a list", "[1]", "expected a JSON object in UTF-8, got it is a list"],
    ["null", "null", "expected a JSON object in UTF-8, got it is null"],
    ["other bytes", Uint8Array.of(0x7b, 0xff, 0x7d), "expected a JSON object in UTF-8, got "],
  ])("a config that is %s", async (_, content, message) => {
    await writeFile(join(folder, "config.json"), content);
    const error = await refusal();
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(`${folder}/config.json: ${message}`);
  });

  test("a config of another family", async () => {
    await writeFile(join(folder, "config.json"), '{"model_type":"llama"}');
    const error = await refusal();
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(`${folder}/config.json: model_type: expected "tiny", got "llama"`);
  });

  test("no weights", async () => {
    await writeFile(join(folder, "config.json"), '{"model_type":"tiny"}');
    expect((await refusal()).message).toContain(
      "expected model.safetensors or model.safetensors.index.json, got neither",
    );
  });

  test("a generation config that asks for what there is not", async () => {
    const model = await tiny();
    await model.savePretrained(folder);
    model.dispose();
    await writeFile(join(folder, "generation_config.json"), '{"temperature":"hot"}');
    expect((await refusal()).message).toContain(`${folder}/generation_config.json: temperature: expected`);
  });
});
