import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { explainFolder } from "../src/explain-folder.js";
import { openCheckpoint, openSafetensors, SafetensorsFormatError, SafetensorsNotFoundError } from "../src/index.js";
import { fileOf, temporaryFolder } from "./support.js";

describe("a folder without model.safetensors says what it holds", () => {
  test.each<[string, readonly string[], string | undefined]>([
    ["nothing", [], "The folder is empty"],
    ["nothing but Git's own", [".git", ".gitattributes"], "The folder is empty"],
    ["a config alone", ["config.json", "README.md"], undefined],
    ["one .bin", ["config.json", "pytorch_model.bin"], "PyTorch's own format (.bin)"],
    [
      "shards of .bin",
      ["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"],
      "PyTorch's own format (.bin)",
    ],
    ["Meta's .pth", ["consolidated.00.pth", "params.json"], "PyTorch's own format, which can run code"],
    ["Mistral's own", ["consolidated.safetensors", "params.json"], "Mistral's own format"],
    ["GGUF", ["model-Q4_K_M.gguf"], "It holds GGUF files"],
    [
      "an adapter",
      ["adapter_config.json", "adapter_model.safetensors"],
      "It is an adapter: pass the folder of the model",
    ],
    ["TensorFlow", ["tf_model.h5", "config.json"], "weights of TensorFlow or Flax"],
    ["ONNX", ["model.onnx"], "an ONNX export"],
    ["shards without an index", ["model-00001-of-00002.safetensors"], "no model.safetensors.index.json: download that"],
    ["a file of another name", ["model.fp16.safetensors"], 'It holds "model.fp16.safetensors": rename it'],
    ["files of other names", ["a.safetensors", "b.safetensors"], "no index that names the model's files"],
    ["a download that has not ended", ["model.safetensors.incomplete"], "A download is incomplete"],
    ["the Hub's cache", ["blobs", "refs", "snapshots"], "pass a folder inside snapshots"],
    ["a training run", ["checkpoint-500", "checkpoint-1000"], "pass one of the checkpoint folders"],
  ])("%s", (_, names, expected) => {
    const explained = explainFolder(names);
    if (expected === undefined) expect(explained).toBeUndefined();
    else expect(explained).toContain(expected);
  });

  test("in the error of opening it, in Node and in a page", async () => {
    const folder = await temporaryFolder();
    const message = "expected model.safetensors or model.safetensors.index.json, got neither. The folder is empty.";
    await expect(openCheckpoint(folder)).rejects.toThrow(message);
    await mkdir(join(folder, "deep"));
    await writeFile(join(folder, "pytorch_model.bin"), "x");
    await expect(openCheckpoint(folder)).rejects.toThrow("save_pretrained(folder).");
    const page = openCheckpoint(new Map([["model.gguf", new Blob(["GGUF"])]]));
    await expect(page).rejects.toThrow(SafetensorsNotFoundError);
    await expect(openCheckpoint(new Map([["model.gguf", new Blob(["GGUF"])]]))).rejects.toThrow("It holds GGUF files");
  });
});

describe("a file that is another is named", () => {
  // As the little-endian length of a header, the first bytes of a pickle, of gzip and of a zip file.
  test.each([0x0280, 0x8b1f])("but a header of %d bytes is a header", async (length) => {
    const start = '{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
    const file = fileOf(`${start}${" ".repeat(length - start.length - 1)}}`, 1);
    expect((await openSafetensors(file)).names).toEqual(["t"]);
  });

  test.each<[string, string]>([
    [
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1\n",
      "got a Git LFS pointer. Fetch the actual file",
    ],
    ["GGUF\x03\x00\x00\x00\x00\x00", "got a GGUF file"],
    ["PK\x03\x04archive/data.pkl", "got a PyTorch file"],
    ["<!DOCTYPE html><title>404</title>", "got a web page"],
    ["\x1f\x8b\x08\x00\x65\x2a\x00\x03", "got a compressed file"],
  ])("%j", async (text, expected) => {
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const opening = openCheckpoint(new Map([["model.safetensors", bytes]]));
    await expect(opening).rejects.toThrow(SafetensorsFormatError);
    await expect(openCheckpoint(new Map([["model.safetensors", bytes]]))).rejects.toThrow(expected);
  });
});
