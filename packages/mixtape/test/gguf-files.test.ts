/** GGUF files, wherever they are: on disk, split, on servers, in pages. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { GgufError, inspectModel, loadModel, loadTokenizer, SafetensorsError, useEngine } from "../src/index.js";
import { fail, folder, goldens, TEXT } from "./gguf-goldens.js";

beforeAll(async () => {
  await useEngine("cpu");
});

describe.each(goldens)("%s", (file, { ids }) => {
  test("encodes as llama.cpp", async () => {
    const tokenizer = await loadTokenizer(`${folder}/${file}`, { onWarning: fail });
    expect(tokenizer.encode(TEXT).slice(0, 24)).toEqual(ids);
  });

  test("is inspected", async () => {
    const { faults, warnings } = await inspectModel(`${folder}/${file}`);
    expect(faults).toEqual({ missing: [], unexpected: [], misshaped: [] });
    expect(warnings).toEqual([]);
  });
});

describe("where a file may be", () => {
  const [name] = goldens.find(([file]) => file.includes("split"))!;

  test("on a web server that answers ranges: a split file, by the URL of one part with a token in its query", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, "http://host");
      if (searchParams.get("token") !== "x") return response.writeHead(403).end();
      const bytes = readFileSync(folder + pathname);
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!.map(Number);
      asked.push(`${pathname} ${last! - first! + 1}`);
      const part = bytes.subarray(first, last! + 1);
      response
        .writeHead(206, { "content-range": `bytes ${first}-${first! + part.length - 1}/${bytes.length}` })
        .end(part);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}?token=x`);
    const tokenizer = await loadTokenizer(url);
    expect(asked).toHaveLength(3);
    const model = await loadModel(url, { onWarning: fail });
    expect(tokenizer.vocabSize).toBe(model.config.vocabSize);
    model.dispose();
  });

  test("in a page: files that were picked", async () => {
    const parts = readdirSync(folder).filter((file) => file.includes("split"));
    const files = new Map(parts.reverse().map((file) => [file, new Blob([readFileSync(`${folder}/${file}`)])]));
    const model = await loadModel(files, { onWarning: fail });
    expect((await loadTokenizer(files)).vocabSize).toBe(model.config.vocabSize);
    model.dispose();
    const [, ...some] = files;
    await expect(loadModel(new Map(some))).rejects.toThrow("expected all 3 files of the model, got 2");
  });

  test("at no path, and in a folder instead of a file", async () => {
    await expect(loadModel(`${folder}/no.gguf`)).rejects.toBeInstanceOf(SafetensorsError);
    await expect(loadModel(folder)).rejects.toThrow("It holds GGUF files: pass the path of one of them");
  });
});

test("a model of a file is saved as a Hugging Face checkpoint", async () => {
  const output = mkdtempSync(join(tmpdir(), "mixtape-gguf-"));
  onTestFinished(() => rmSync(output, { recursive: true }));
  const [file, { ids, logits }] = goldens.find(([one]) => one.startsWith("qwen3moe.F32"))!;
  const model = await loadModel(`${folder}/${file}`);
  await model.savePretrained(output);
  model.dispose();
  const saved = await loadModel(output, { onWarning: fail });
  const own = tidy(() => saved.forward({ inputIds: [ids], logitsToKeep: 1 }).logits.dataSync());
  for (const [i, value] of own.entries()) expect(Math.abs(value - logits.at(-1)![i]!)).toBeLessThan(1e-4);
  saved.dispose();
});

/** Returns the file of a Mixtral in which a whole number of the metadata is another one. */
function withKey(key: string, value: number): ReadonlyMap<string, Uint8Array> {
  const bytes = Buffer.from(readFileSync(`${folder}/llama.Q4_0.gguf`));
  bytes.writeUInt32LE(value, bytes.indexOf(key) + key.length + 4);
  return new Map([["model.gguf", bytes]]);
}

test("a dense model is refused, whatever it is loaded for", async () => {
  const files = withKey("llama.expert_count", 0);
  await expect(loadModel(files)).rejects.toBeInstanceOf(GgufError);
  await expect(inspectModel(files)).rejects.toThrow("expected a model with experts");
  expect((await loadTokenizer(files)).bosToken).toBe("<s>");
});

test("tensors that contradict the metadata are named", async () => {
  const wider = loadModel(withKey("llama.feed_forward_length", 96));
  await expect(wider).rejects.toThrow("model.gguf: expected the tensors of its config, got 24 issues");
  const deeper = loadModel(withKey("llama.block_count", 3));
  await expect(deeper).rejects.toThrow("missing model.layers.2.self_attn.q_proj.weight");
  const fewer = loadModel(withKey("llama.expert_count", 3));
  await expect(fewer).rejects.toThrow("unexpected model.layers.0.block_sparse_moe.experts.3.w1.weight");
});
