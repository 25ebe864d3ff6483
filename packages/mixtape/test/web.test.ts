/** Models from web servers that are not as one would wish. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { inspectModel, type LoadWarning, loadModel, loadTokenizer, useEngine } from "../src/index.js";
import { golden, SAMPLE } from "./files.js";

type Answer = (file: Buffer | undefined, request: IncomingMessage, response: ServerResponse) => void;

/** Serves a golden model, with the tokenizer of the sample model. */
async function serve(answer: Answer): Promise<URL> {
  const read = (name: string): Buffer | undefined => {
    try {
      return readFileSync(
        join(basename(name).startsWith("tokenizer") ? SAMPLE : golden("mixtral/basic"), basename(name)),
      );
    } catch {
      return undefined;
    }
  };
  const server = createServer((request, response) => {
    answer(read(new URL(request.url!, "http://host").pathname), request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/model/`);
}

function rangeOf({ headers }: IncomingMessage): [first: number, last: number] | undefined {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
  return first === undefined ? undefined : [Number(first), Number(last)];
}

const good: Answer = (file, request, response) => {
  const range = rangeOf(request);
  if (!file) return void response.writeHead(404).end();
  if (!range) return void response.writeHead(200).end(file);
  const [first, last] = [range[0], Math.min(range[1], file.length - 1)];
  response.writeHead(206, { "content-range": `bytes ${first}-${last}/${file.length}` });
  response.end(file.subarray(first, last + 1));
};

let expected: number[];
beforeAll(async () => {
  await useEngine("cpu");
  const model = await loadModel(golden("mixtral/basic"));
  expected = tidy(() => [...model.forward({ inputIds: [[1, 2]] }).logits.dataSync()]);
  model.dispose();
});

describe("a model and its tokenizer load from a server that", () => {
  let asked = 0;
  test.each<[string, Answer]>([
    ["is as it should be", good],
    [
      "answers 416 past the end of a file",
      (file, request, response) => {
        const range = rangeOf(request);
        if (!file || !range || range[1] < file.length) return good(file, request, response);
        response.writeHead(416, { "content-range": `bytes */${file.length}` }).end();
      },
    ],
    [
      "answers 403 for what is not there",
      (file, q, r) => (file ? good(file, q, r) : void r.writeHead(403).end("<Error/>")),
    ],
    [
      "answers a page for what is not there",
      (file, q, r) => (file ? good(file, q, r) : void r.writeHead(200, { "content-type": "text/html" }).end("<html>")),
    ],
    ["knows no ranges", (file, _, r) => (file ? void r.writeHead(200).end(file) : void r.writeHead(404).end())],
    [
      "compresses everything",
      (file, _, r) =>
        file
          ? void r.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(file, { level: 1 }))
          : void r.writeHead(404).end(),
    ],
    [
      "redirects",
      (file, q, r) =>
        q.url!.includes("moved")
          ? good(file, q, r)
          : void r.writeHead(302, { location: `moved/${basename(q.url!)}` }).end(),
    ],
    ["is busy now and then", (file, q, r) => (asked++ % 3 === 0 ? void r.writeHead(503).end() : good(file, q, r))],
    [
      "cuts connections",
      (file, q, r) => {
        const range = rangeOf(q);
        if (!file || !range) return good(file, q, r);
        const [first, last] = [range[0], Math.min(range[1], file.length - 1)];
        r.writeHead(206, {
          "content-range": `bytes ${first}-${last}/${file.length}`,
          "content-length": last + 1 - first,
        });
        const end = Math.min(last + 1, first + 20_000);
        r.write(file.subarray(first, end), () => (end > last ? r.end() : r.destroy()));
      },
    ],
  ])("%s", async (_, answer) => {
    const url = await serve(answer);
    const warnings: LoadWarning[] = [];
    const fetchOptions = { wait: async () => {} };
    const model = await loadModel(url, { fetchOptions, onWarning: (warning) => warnings.push(warning) });
    expect(tidy(() => [...model.forward({ inputIds: [[1, 2]] }).logits.dataSync()])).toEqual(expected);
    model.dispose();
    expect((await loadTokenizer(url, { fetchOptions })).encode("Once")).toEqual(
      (await loadTokenizer(SAMPLE)).encode("Once"),
    );
    expect(warnings.map(({ kind }) => kind).filter((kind) => kind !== "whole-file")).toEqual([]);
  });
});

test("headers open a private model, and without them the error says so", async () => {
  const url = await serve((file, request, response) => {
    if (request.headers.authorization === "Bearer t") good(file, request, response);
    else response.writeHead(401).end();
  });
  await expect(loadModel(url)).rejects.toThrow("got HTTP 401. For a private file, pass headers");
  const fetchOptions = { headers: { authorization: "Bearer t" } };
  expect((await inspectModel(url, { fetchOptions })).modelType).toBe("mixtral");
  const forbidden = await serve((_, __, response) => void response.writeHead(403).end());
  await expect(loadModel(forbidden)).rejects.toThrow("config.json: expected a file, got HTTP 403.");
});

test("a limit on what is downloaded whole can be set where the model is loaded", async () => {
  const url = await serve((file, _, r) => (file ? void r.writeHead(200).end(file) : void r.writeHead(404).end()));
  await expect(loadModel(url, { fetchOptions: { wholeFileUpTo: 100_000 } })).rejects.toThrow(
    "model.safetensors: expected a server that answers range requests with HTTP 206, or a file of at most 100000 bytes",
  );
});
