import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, generationConfigFaults } from "@mixtape/config";
import { OptionError } from "@mixtape/errors";
import { openCheckpoint } from "@mixtape/safetensors";
import { tidy } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CheckpointError, DecoderError, type InitOptions, type LoadOptions, type SaveOptions } from "../src/index.js";
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
  test("a generation config that cannot be used does not stand in the way, and is saved as it was", async () => {
    const model = await tiny();
    await model.savePretrained(folder);
    model.dispose();
    const json = { temperature: "hot", num_beams: 4, mood: "cheerful" };
    await writeFile(join(folder, "generation_config.json"), JSON.stringify(json));
    const loaded = await TinyForCausalLM.fromPretrained(folder);
    expect(loaded.generationConfig.temperature).toBeUndefined();
    expect(generationConfigFaults(loaded.generationConfig)).toMatchObject({
      file: `${folder}/generation_config.json`,
      faults: [{ key: "num_beams" }, { key: "temperature" }],
    });
    await loaded.savePretrained(folder);
    loaded.dispose();
    expect(JSON.parse(await readFile(join(folder, "generation_config.json"), "utf8"))).toEqual(json);
  });

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

  test("a dtype that weights cannot have is refused, by the names of those that they can, and makes no folder", async () => {
    const model = await tiny();
    const at = join(folder, "in", "here");
    const save = (dtype: string) => model.savePretrained(at, { dtype: dtype as "F32" });
    const expected = "savePretrained: dtype: expected one of F64, F32, F16, BF16, F8_E4M3, F8_E5M2, got";
    await expect(save("float32")).rejects.toThrow(`${expected} "float32". As safetensors calls it, that is F32.`);
    await expect(save("bfloat16")).rejects.toThrow('got "bfloat16". As safetensors calls it, that is BF16.');
    await expect(save("int4")).rejects.toThrow(`${expected} "int4".`);
    await expect(save("I64")).rejects.toThrow(DecoderError);
    expect(await readdir(folder)).toEqual([]);
    model.dispose();
  });

  test("an option that is not known is refused", async () => {
    const model = await tiny();
    await expect(model.savePretrained(folder, { torchDtype: "F32" } as SaveOptions)).rejects.toThrow(OptionError);
    await expect(model.initialize({ sed: 1 } as InitOptions)).rejects.toThrow(
      "initialize: expected options among seed",
    );
    await model.savePretrained(folder);
    const loading = TinyForCausalLM.fromPretrained(folder, { onprogress: () => {} } as LoadOptions);
    await expect(loading).rejects.toThrow("Did you mean onProgress?");
    model.dispose();
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
});
