import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { TOKENIZER_FILES, TokenizerError } from "@mixtape/tokenizer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadTokenizer } from "../src/load-model.js";

const TOKENIZER = JSON.stringify({
  model: { type: "BPE", vocab: { "<s>": 0, h: 1, i: 2, hi: 3 }, merges: [["h", "i"]] },
});
const files: Readonly<Record<string, string>> = {
  "tokenizer.json": TOKENIZER,
  "tokenizer_config.json": JSON.stringify({ bos_token: "<s>", chat_template: "not this one" }),
  "chat_template.jinja": "{{ bos_token }}{{ messages[0].content }}",
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mixtape-tokenizer-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The address of a server that has these files, and knows no ranges. */
async function withServer<T>(names: readonly string[], use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    const name = basename(request.url ?? "");
    if (names.includes(name)) response.writeHead(200).end(readFileSync(join(folder, name)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/model`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("the same tokenizer from a folder, a URL and files at hand", async () => {
  const blobs = new Map(Object.entries(files).map(([name, text]) => [name, new Blob([text])]));
  const fromUrl = await withServer(Object.keys(files), (url) => loadTokenizer(new URL(url)));
  for (const tokenizer of [
    await loadTokenizer(folder),
    await loadTokenizer(pathToFileURL(folder)),
    await loadTokenizer(blobs),
    fromUrl,
  ]) {
    expect(tokenizer.encode("hi")).toEqual([3]);
    expect(tokenizer.applyChatTemplate([{ role: "user", content: "hi" }])).toBe("<s>hi");
  }
});

test("only tokenizer.json must be there", async () => {
  const tokenizer = await withServer(["tokenizer.json"], (url) => loadTokenizer(url));
  expect(tokenizer.decode([3])).toBe("hi");
  await expect(loadTokenizer(new Map())).rejects.toThrow(TokenizerError);
  await expect(withServer(["tokenizer_config.json"], (url) => loadTokenizer(url))).rejects.toThrow(TokenizerError);
  await expect(loadTokenizer(join(folder, "gone"))).rejects.toThrow(TokenizerError);
});

test("a tokenizer is read from these files", () => {
  expect([...TOKENIZER_FILES].sort()).toEqual([
    "added_tokens.json",
    "chat_template.jinja",
    "config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
});
