import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, generationConfigIssues } from "@mixtape/config";
import { OptionError } from "@mixtape/errors";
import { encodeSafetensors, openCheckpoint, type TensorToWrite } from "@mixtape/safetensors";
import { tidy } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  CheckpointError,
  DecoderError,
  type InitOptions,
  type LoadOptions,
  type LoadWarning,
  type SaveOptions,
} from "../src/index.js";
import { TinyForCausalLM, tiny, tinyConfig, tinyOf, useCpu, withoutLeak } from "./support/tiny.js";

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
    expect(generationConfigIssues(loaded.generationConfig)).toMatchObject({
      file: `${folder}/generation_config.json`,
      issues: [{ key: "num_beams" }, { key: "temperature" }],
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
      const architectures = ["TinyForCausalLM"];
      expect(tinyConfig.toJSON(loaded.config)).toEqual({ ...tinyConfig.toJSON(model.config), architectures });
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
    await expect(save("float32")).rejects.toThrow(`${expected} "float32". Its name in safetensors is F32.`);
    await expect(save("bfloat16")).rejects.toThrow('got "bfloat16". Its name in safetensors is BF16.');
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

  describe("a tied head", () => {
    const load = async (change: (tensors: TensorToWrite[]) => TensorToWrite[]) => {
      const untied = await tiny();
      const config = { ...tinyConfig.toJSON(tinyOf()), tie_word_embeddings: true };
      const files = new Map([
        ["config.json", new TextEncoder().encode(JSON.stringify(config))],
        ["model.safetensors", await encodeSafetensors(change([...untied.tensorsToWrite()]))],
      ]);
      untied.dispose();
      const warnings: LoadWarning[] = [];
      const model = await TinyForCausalLM.fromPretrained(files, { onWarning: (warning) => warnings.push(warning) });
      return { model, warnings };
    };
    const as = (name: string, to: string) => (tensors: TensorToWrite[]) => {
      const found = tensors.find((one) => one.name === name)!;
      return [...tensors.filter((one) => one.name !== to), { ...found, name: to }];
    };

    test("is not on disk, and a copy of the embedding is read over without a word", async () => {
      const tied = await tiny({ tieWordEmbeddings: true });
      expect([...tied.tensorsToWrite()].map(({ name }) => name)).not.toContain("lm_head.weight");
      const { model, warnings } = await load(as("model.embed_tokens.weight", "lm_head.weight"));
      expect(model.lmHead).toBeNull();
      expect(warnings).toEqual([]);
      // The embedding is the first that is drawn, so both models have the same, and tied heads too; the layers follow it.
      expect(logits(model)).toEqual(logits(tied));
      tied.dispose();
      model.dispose();
    });

    test("that differs from the embedding is used, untied, with a warning, and saved", async () => {
      const { model, warnings } = await load((all) => all);
      const untied = await tiny();
      expect(logits(model)).toEqual(logits(untied));
      untied.dispose();
      expect(warnings).toEqual([
        {
          kind: "untied-head",
          names: ["lm_head.weight"],
          message:
            "the files: tie_word_embeddings is true in config.json, but lm_head.weight differs from model.embed_tokens.weight: the head of the file is used. Set tie_word_embeddings to false",
        },
      ]);
      await model.savePretrained(folder);
      expect(await jsonIn("config.json")).toMatchObject({ tie_word_embeddings: false });
      const again = await TinyForCausalLM.fromPretrained(folder);
      expect(logits(again)).toEqual(logits(model));
      again.dispose();
      model.dispose();
    });

    test("that is there without the embedding is both", async () => {
      const { model } = await load((all) => all.filter(({ name }) => name !== "model.embed_tokens.weight"));
      expect(model.lmHead).toBeNull();
      const { model: other } = await load((all) =>
        as("lm_head.weight", "model.embed_tokens.weight")(all).filter(({ name }) => name !== "lm_head.weight"),
      );
      expect(logits(model)).toEqual(logits(other));
      other.dispose();
      model.dispose();
    });
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
      `${folder}/config.json: expected a file, got none. The folder is empty. A checkpoint in Hugging Face format has config.json beside its safetensors.`,
    );
  });

  test("an adapter, and a checkpoint in another format", async () => {
    await writeFile(join(folder, "adapter_config.json"), "{}");
    expect((await refusal()).message).toContain(
      "got none. It is an adapter: pass the folder of the model that it was trained for",
    );
    await rm(join(folder, "adapter_config.json"));
    await writeFile(join(folder, "config.json"), JSON.stringify(tinyConfig.toJSON(tinyOf())));
    await writeFile(join(folder, "pytorch_model.bin"), "");
    expect((await refusal()).message).toContain(
      "got neither. It holds weights in PyTorch's own format (.bin), which can run code and is not read. Save them as safetensors in Python: ",
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
