import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { openCheckpoint } from "../src/checkpoint.js";
import {
  SafetensorsFormatError,
  SafetensorsIndexError,
  SafetensorsNotFoundError,
  SafetensorsReadError,
} from "../src/errors.js";
import { openSafetensors } from "../src/open.js";
import { readSideFile } from "../src/side-file.js";
import { encodeSafetensors } from "../src/write.js";
import { closing, fixture, thrownBy } from "./support.js";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Starts a server and returns its address. */
async function serve(handler: Handler): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Sent {
  readonly url: string;
  readonly range: string;
}

/** Answers range requests for `files` as a good server does, and writes down what was asked. */
function ranges(files: Readonly<Record<string, Uint8Array>>, sent: Sent[] = []): Handler {
  return (request, response) => {
    const url = request.url ?? "";
    const file = files[new URL(url, "http://host").pathname];
    sent.push({ url, range: request.headers.range ?? "" });
    if (!file) return void response.writeHead(404).end();
    const [, first = 0, last = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []).map(Number);
    if (first >= file.length) return void response.writeHead(416, { "content-range": `bytes */${file.length}` }).end();
    const end = Math.min(last + 1, file.length);
    response.writeHead(206, { "content-range": `bytes ${first}-${end - 1}/${file.length}` });
    response.end(file.subarray(first, end));
  };
}

/** A file of two tensors: `a` with the first request, `b` half beyond it. */
const small = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
const large = Uint8Array.from({ length: 200_000 }, (_, i) => i % 241);
const file = await encodeSafetensors([
  { name: "a", dtype: "F64", shape: [125], bytes: small },
  { name: "b", dtype: "U8", shape: [4, 50_000], bytes: large },
]);

describe("a server that answers ranges", () => {
  test("sends the header with the first request and then only what is asked for, each byte once", async () => {
    const sent: Sent[] = [];
    const url = `${await serve(ranges({ "/model.safetensors": file }, sent))}/model.safetensors`;
    const tensors = closing(await openSafetensors(url));
    expect(sent.map(({ range }) => range)).toEqual(["bytes=0-65535"]);
    expect(await tensors.tensor("a").read()).toEqual(small);
    expect(sent.length).toBe(1);
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
    expect(sent.map(({ range }) => range).slice(1)).toEqual([`bytes=65536-${file.length - 1}`]);
    expect(Buffer.compare(await tensors.tensor("b").at(2).read(), large.subarray(100_000, 150_000))).toBe(0);
    const start = file.length - 200_000 + 100_000;
    expect(sent.map(({ range }) => range).slice(2)).toEqual([`bytes=${start}-${start + 49_999}`]);
  });

  test("gets the headers it needs, with a query that no error shows", async () => {
    const handler = ranges({ "/m": file });
    const url = new URL(
      await serve((request, response) => {
        if (request.headers.authorization !== "Bearer t") return void response.writeHead(401).end();
        handler(request, response);
      }),
    );
    url.pathname = "/m";
    url.search = "?key=secret";
    const error = await thrownBy(openSafetensors(url));
    expect(error).toBeInstanceOf(SafetensorsReadError);
    expect((error as Error).message).toBe(`${url.origin}/m: expected HTTP 200 or 206, got HTTP 401.`);
    const tensors = closing(await openSafetensors(url, { headers: { authorization: "Bearer t" } }));
    expect(tensors.names).toEqual(["a", "b"]);
  });

  test("an empty file is no safetensors file", async () => {
    const url = await serve(ranges({ "/": new Uint8Array(0) }));
    await expect(openSafetensors(url)).rejects.toThrow(SafetensorsFormatError);
  });
});

describe("a server that does not", () => {
  const whole: Handler = (_, response) => response.writeHead(200).end(file);

  test("is refused, and the download ends", async () => {
    let sent = 0;
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-length": 1e9 });
      const more = () => {
        while (!response.destroyed && sent < 1e9) {
          sent += 65_536;
          if (!response.write(new Uint8Array(65_536))) return void response.once("drain", more);
        }
      };
      more();
    });
    const error = await thrownBy(openSafetensors(url));
    expect(error).toBeInstanceOf(SafetensorsReadError);
    expect((error as Error).message).toBe(
      `${url}/: expected a server that answers range requests with HTTP 206, got HTTP 200 and the whole file. ` +
        "Use another server, set wholeFileUpTo, or fetch the file yourself and pass it as a Blob.",
    );
    expect(sent).toBeLessThan(1e8);
  });

  test("may send a whole file where that is allowed", async () => {
    const tensors = closing(await openSafetensors(await serve(whole), { wholeFileUpTo: 1e6 }));
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
  });

  test("is good enough for what is read whole: side files and the index", async () => {
    const index = { weight_map: { a: "shard.safetensors", b: "shard.safetensors" } };
    const text: Record<string, string> = {
      "/config.json": "{}",
      "/model.safetensors.index.json": JSON.stringify(index),
    };
    const handler = ranges({ "/shard.safetensors": file });
    const url = await serve((request, response) => {
      const content = text[request.url ?? ""];
      if (content) response.writeHead(200).end(content);
      else handler(request, response);
    });
    expect(await readSideFile(url, "config.json")).toEqual(new Uint8Array([0x7b, 0x7d]));
    expect(await readSideFile(url, "none.json")).toBeUndefined();
    await expect(readSideFile(url, "config.json", { wholeFileUpTo: 1 })).rejects.toThrow("expected at most 1 bytes");
    const tensors = closing(await openCheckpoint(url));
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
  });

  test("may not send more than is allowed", async () => {
    await expect(openSafetensors(await serve(whole), { wholeFileUpTo: 1000 })).rejects.toThrow(
      "expected at most 1000 bytes, got more",
    );
  });
});

describe("a wrong answer is an error", () => {
  const answers: Record<string, [Handler, string]> = {
    "another range": [
      (_, r) => r.writeHead(206, { "content-range": "bytes 1-9/10" }).end("x".repeat(9)),
      "expected bytes 0-9, got bytes 1-9",
    ],
    "no Content-Range": [(_, r) => r.writeHead(206).end("x"), "Access-Control-Expose-Headers"],
    "a size unknown": [
      (_, r) => r.writeHead(206, { "content-range": "bytes 0-9/*" }).end("x".repeat(10)),
      "tells the size of the file",
    ],
    "too many bytes": [
      (_, r) => r.writeHead(206, { "content-range": "bytes 0-9/10" }).end("x".repeat(11)),
      "expected 10 bytes, got more",
    ],
    "too few bytes": [
      (_, r) => r.writeHead(206, { "content-range": "bytes 0-9/10" }).end("x".repeat(9)),
      "expected 10 bytes, got 9",
    ],
    "a broken body": [
      (_, r) => {
        r.writeHead(206, { "content-range": "bytes 0-9/10", "content-length": 10 });
        r.write("x", () => r.destroy());
      },
      "expected an answer, got",
    ],
    "a web page": [
      (_, r) => r.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>"),
      "expected a file, got a web page",
    ],
    "not found": [(_, r) => r.writeHead(404).end(), "expected a file, got HTTP 404"],
    "an error of its own": [(_, r) => r.writeHead(503).end(), "expected HTTP 200 or 206, got HTTP 503"],
    "no answer": [(_, r) => r.destroy(), "expected an answer, got fetch failed"],
  };

  test.each(Object.entries(answers))("%s", async (_, [handler, message]) => {
    const error = await thrownBy(openSafetensors(await serve(handler)));
    expect(error).toBeInstanceOf(SafetensorsReadError);
    expect((error as Error).message).toContain(message);
  });

  test("another file than the one that was opened", async () => {
    const original = { etag: '"1"', size: file.length };
    for (const change of [{ size: file.length + 1 }, { etag: '"2"' }]) {
      let { etag, size } = original;
      const url = await serve((request, response) => {
        const [, first = 0, last = 0] = /(\d+)-(\d+)/.exec(request.headers.range ?? "")!.map(Number);
        const end = Math.min(last + 1, file.length);
        response
          .writeHead(206, { etag, "content-range": `bytes ${first}-${end - 1}/${size}` })
          .end(file.subarray(first, end));
      });
      const tensors = closing(await openSafetensors(url));
      ({ etag, size } = { ...original, ...change });
      await expect(tensors.tensor("b").read()).rejects.toThrow(
        "expected the file that was opened, got another version of it",
      );
    }
  });
});

test("a signal ends it with its reason", async () => {
  const controller = new AbortController();
  const url = await serve(() => controller.abort(new Error("enough")));
  await expect(openSafetensors(url, { signal: controller.signal })).rejects.toThrow("enough");
});

describe("a folder of a server", async () => {
  const folder = "sharded";
  const shards = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
  const names = ["model.safetensors.index.json", ...shards];
  const files = Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [`/org/model/${name}`, await readFile(fixture(`${folder}/${name}`))] as const),
    ),
  );

  test.each(["/org/model", "/org/model/", "/org/model/?key=1"])("%s", async (path) => {
    const sent: Sent[] = [];
    const checkpoint = closing(await openCheckpoint((await serve(ranges(files, sent))) + path));
    expect(checkpoint.names.length).toBe(9);
    expect((await checkpoint.tensor("layers.2.v.weight").read()).length).toBe(128);
    expect(sent.map(({ url }) => url.endsWith("?key=1"))).toEqual(Array(5).fill(path.endsWith("?key=1")));
  });

  test("of which a shard is missing", async () => {
    const { [`/org/model/${shards[1]}`]: _, ...rest } = files;
    const opening = openCheckpoint(new URL(`${await serve(ranges(rest))}/org/model`));
    const error = await thrownBy(opening);
    expect(error).toBeInstanceOf(SafetensorsIndexError);
    expect((error as Error).message).toContain(`1 missing: "${shards[1]}"`);
  });

  test("that is not there", async () => {
    const url = await serve(ranges({}));
    await expect(openCheckpoint(url)).rejects.toThrow(SafetensorsNotFoundError);
    await expect(openCheckpoint(url)).rejects.toThrow(
      `${url}/: expected model.safetensors or model.safetensors.index.json, got neither.`,
    );
  });
});
