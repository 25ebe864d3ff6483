import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
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
    // The unit may be written in any case (RFC 9110, 14.1).
    response.writeHead(206, { "content-range": `Bytes ${first}-${end - 1}/${file.length}` });
    response.end(file.subarray(first, end));
  };
}

/** Tries again at once. */
const wait = async (): Promise<void> => {};

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
    expect((error as Error).message).toBe(
      `${url.origin}/m: expected HTTP 200 or 206, got HTTP 401. For a private file, pass headers: { authorization: "Bearer …" }.`,
    );
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

  test("is refused beyond the limit, and the download ends", async () => {
    let sent = 0;
    const url = await serve((_, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && sent < 1e9) {
          sent += 65_536;
          if (!response.write(new Uint8Array(65_536))) return void response.once("drain", more);
        }
      };
      more();
    });
    const error = await thrownBy(openSafetensors(url, { wholeFileUpTo: 1e6 }));
    expect(error).toBeInstanceOf(SafetensorsReadError);
    expect((error as Error).message).toBe(
      `${url}/: expected a server that answers range requests with HTTP 206, or a file of at most 1000000 bytes, got HTTP 200 and a longer file. ` +
        "Use another server, set wholeFileUpTo (fetchOptions of loadModel), or fetch the file yourself and pass it as a Blob.",
    );
    expect(sent).toBeLessThan(1e8);
  });

  test("is refused at once where it says that the file is beyond the limit, or none is allowed", async () => {
    const url = await serve((_, response) => response.writeHead(200, { "content-length": 1e10 }).write("x"));
    await expect(openSafetensors(url)).rejects.toThrow(
      "or a file of at most 2147483648 bytes, got HTTP 200 and a whole file of 10000000000 bytes.",
    );
    await expect(openSafetensors(await serve(whole), { wholeFileUpTo: 0 })).rejects.toThrow(
      "got HTTP 200 and the whole",
    );
  });

  test("sends a whole file, which is said", async () => {
    const warnings: string[] = [];
    const url = await serve((_, r) => r.writeHead(200, { "content-length": file.length }).end(file));
    const tensors = closing(await openSafetensors(url, { onWarning: (message) => warnings.push(message) }));
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
    expect(warnings).toEqual([
      `${url}/: its server does not answer range requests, so it is downloaded whole and held in memory`,
    ]);
  });

  test("sends it compressed all the same", async () => {
    const zipped: Handler = (_, r) =>
      r.writeHead(200, { "content-encoding": "gzip", "content-length": gzipSync(file).length }).end(gzipSync(file));
    const warnings: string[] = [];
    const tensors = closing(await openSafetensors(await serve(zipped), { onWarning: (text) => warnings.push(text) }));
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
    expect(warnings).toHaveLength(1);
  });

  test("is nothing to warn of for a file that is read whole anyway", async () => {
    const json = Buffer.from(JSON.stringify({ a: "x".repeat(100_000) }));
    const url = await serve((_, r) => r.writeHead(200, { "content-length": json.length }).end(json));
    const onWarning = (message: string) => expect.unreachable(message);
    expect(await readSideFile(url, "tokenizer.json", { onWarning, wholeFileUpTo: 1e9 })).toHaveLength(json.length);
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
    await expect(readSideFile(url, "config.json", { wholeFileUpTo: 1 })).rejects.toThrow(
      "or a file of at most 1 bytes",
    );
    const tensors = closing(await openCheckpoint(url));
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
  });

  test("may not send more than is allowed", async () => {
    await expect(openSafetensors(await serve(whole), { wholeFileUpTo: 1000 })).rejects.toThrow(
      "or a file of at most 1000 bytes, got HTTP 200 and a longer file",
    );
  });
});

describe("a wrong answer is an error", () => {
  const answers: Record<string, [Handler, string]> = {
    forbidden: [
      (_, r) => r.writeHead(403).end(),
      "expected a file, got HTTP 403. It does not exist, or needs the right headers",
    ],
    "a page in answer to a range": [
      (_, r) => r.writeHead(206, { "content-type": "text/html", "content-range": "bytes 0-5/6" }).end("<html>"),
      "expected a file, got a web page",
    ],
    "another range": [
      (_, r) => r.writeHead(206, { "content-range": "bytes 1-9/10" }).end("x".repeat(9)),
      "expected bytes 0-9, got bytes 1-9",
    ],
    "no Content-Range": [(_, r) => r.writeHead(206).end("x"), "Access-Control-Expose-Headers"],
    "a size unknown": [
      (_, r) => r.writeHead(206, { "content-range": "bytes 0-9/*" }).end("x".repeat(10)),
      "header with the size of the file",
    ],
    "too many bytes": [
      (_, r) => r.writeHead(206, { "content-range": "bytes 0-9/10" }).end("x".repeat(11)),
      "expected 10 bytes, got more",
    ],
    "too few bytes": [
      (q, r) => {
        const first = Number(/\d+/.exec(q.headers.range ?? "")![0]);
        r.writeHead(206, { "content-range": `bytes ${first}-9/10` }).end("x".repeat(Math.max(0, 9 - first)));
      },
      "expected 10 bytes, got 9",
    ],
    "a broken body": [
      (_, r) => {
        r.writeHead(206, { "content-range": "bytes 0-9/10", "content-length": 10 });
        r.flushHeaders();
        r.destroy();
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
    const error = await thrownBy(openSafetensors(await serve(handler), { wait }));
    expect(error).toBeInstanceOf(SafetensorsReadError);
    expect((error as Error).message).toContain(message);
  });

  test("another file than the one that was opened", async () => {
    const original = { etag: '"1"', size: file.length };
    for (const change of [{ size: file.length + 1 }, { etag: '"2"' }, { etag: 'W/"2"' }]) {
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

describe("a server that takes no range past the end", () => {
  const strict =
    (contentRange: (size: number) => Record<string, string>): Handler =>
    (request, response) => {
      const [, first = 0, last = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []).map(Number);
      const config = Buffer.from('{"a": 1}');
      if (!request.headers.range) return void response.writeHead(200).end(config);
      if (last >= config.length) return void response.writeHead(416, contentRange(config.length)).end("no such range");
      response.writeHead(206, { "content-range": `bytes ${first}-${last}/${config.length}` });
      response.end(config.subarray(first, last + 1));
    };

  test.each<[string, Handler]>([
    ["and says where that is", strict((size) => ({ "content-range": `bytes */${size}` }))],
    ["and says nothing", strict(() => ({}))],
  ])("%s", async (_, handler) => {
    expect(Buffer.from((await readSideFile(await serve(handler), "config.json"))!).toString()).toBe('{"a": 1}');
  });

  test("an empty file stays empty", async () => {
    const url = await serve((_, r) => r.writeHead(416, { "content-range": "bytes */0" }).end());
    expect(await readSideFile(url, "config.json")).toEqual(new Uint8Array(0));
  });
});

describe("a server that compresses ranges", () => {
  test("is asked for the whole file", async () => {
    const zipped = gzipSync(file);
    const url = await serve((request, response) => {
      const encoded = { "content-encoding": "gzip" };
      if (!request.headers.range) return void response.writeHead(200, encoded).end(zipped);
      const range = `bytes 0-${zipped.length - 1}/${zipped.length}`;
      response.writeHead(206, { ...encoded, "content-range": range }).end(zipped);
    });
    const tensors = closing(await openSafetensors(url));
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
  });
});

describe("what may pass is tried again", () => {
  /** Answers with these, one for each request, and then as a good server does. */
  const after = (first: Handler[], sent: Sent[] = []): Handler => {
    const good = ranges({ "/": file }, sent);
    return (request, response) => (first.shift() ?? good)(request, response);
  };

  test.each([408, 429, 500, 502, 503, 504])("HTTP %d", async (status) => {
    const waits: number[] = [];
    const url = await serve(after([(_, r) => r.writeHead(status).end(), (_, r) => r.writeHead(status).end()]));
    closing(await openSafetensors(url, { wait: async (ms) => void waits.push(ms) }));
    expect(waits).toEqual([500, 1000]);
  });

  test("as long after as the server says, in seconds or by a date", async () => {
    const waits: number[] = [];
    const busy =
      (when: string): Handler =>
      (_, r) =>
        r.writeHead(429, { "retry-after": when }).end();
    const past = new Date(0).toUTCString();
    const url = await serve(after([busy("7"), busy("100000"), busy(past), busy("soon")]));
    closing(await openSafetensors(url, { wait: async (ms) => void waits.push(ms) }));
    expect(waits).toEqual([7000, 60_000, 0, 4000]);
  });

  test("not for ever, and not what is refused for good", async () => {
    let asked = 0;
    const always =
      (status: number): Handler =>
      (_, r) => {
        asked++;
        r.writeHead(status).end();
      };
    await expect(openSafetensors(await serve(always(503)), { wait })).rejects.toThrow("got HTTP 503");
    expect(asked).toBe(5);
    await expect(openSafetensors(await serve(always(503)), { wait, retries: 0 })).rejects.toThrow("got HTTP 503");
    await expect(openSafetensors(await serve(always(401)), { wait })).rejects.toThrow("got HTTP 401");
    expect(asked).toBe(7);
  });

  test("a connection that is cut, from the byte where it was cut", async () => {
    const sent: Sent[] = [];
    const cut: Handler = (request, response) => {
      const [, first = 0, last = 0] = /(\d+)-(\d+)/.exec(request.headers.range!)!.map(Number);
      sent.push({ url: "cut", range: request.headers.range! });
      const part = file.subarray(first, Math.min(first + 30_000, last + 1));
      response.writeHead(206, {
        "content-range": `bytes ${first}-${Math.min(last, file.length - 1)}/${file.length}`,
        "content-length": Math.min(last + 1, file.length) - first,
      });
      response.write(part, () => response.destroy());
    };
    // Cut more often than is tried: each time some bytes came.
    const url = await serve(
      after(
        Array.from({ length: 12 }, () => cut),
        sent,
      ),
    );
    const tensors = closing(await openSafetensors(url, { wait }));
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
    const starts = sent.map(({ range }) => Number(/\d+/.exec(range)![0]));
    expect(starts.slice(0, 4)).toEqual([0, 30_000, 60_000, 65_536]);
    expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
  });

  test("but not onto another version of the file", async () => {
    const part =
      (etag: string, bytes: number): Handler =>
      (request, response) => {
        const [, first = 0] = /(\d+)-/.exec(request.headers.range!)!.map(Number);
        response.writeHead(206, {
          etag,
          "content-range": `bytes ${first}-65535/${file.length}`,
          "content-length": 65_536 - first,
        });
        response.write(file.subarray(first, first + bytes), () => response.destroy());
      };
    const url = await serve(after([part('"1"', 9), part('"2"', 9)]));
    await expect(openSafetensors(url, { wait })).rejects.toThrow("got another version of it");
  });

  test("a whole file, from its beginning", async () => {
    const whole: Handler = (_, r) => r.writeHead(200, { "content-length": file.length }).end(file);
    const cut: Handler = (_, r) => {
      r.writeHead(200, { "content-length": file.length });
      r.write(file.subarray(0, 1000), () => r.destroy());
    };
    const tensors = closing(await openSafetensors(await serve(after([cut, cut, whole])), { wait }));
    expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
  });

  test("until a signal ends the pause", async () => {
    const controller = new AbortController();
    const url = await serve((_, r) => {
      r.writeHead(503, { "retry-after": "60" }).end(() => setImmediate(() => controller.abort(new Error("enough"))));
    });
    await expect(openSafetensors(url, { signal: controller.signal })).rejects.toThrow("enough");
  });
});

test("redirects are followed with the range, and without the authorization of another host", async () => {
  const asked: Record<string, string | undefined>[] = [];
  const good = ranges({ "/files/m": file });
  const other = await serve((request, response) => {
    asked.push({ range: request.headers.range, authorization: request.headers.authorization });
    good(request, response);
  });
  const url = await serve((request, response) => {
    asked.push({ range: request.headers.range, authorization: request.headers.authorization });
    if (request.url === "/m") response.writeHead(302, { location: "files/there" }).end();
    else response.writeHead(307, { location: `${other.replace("127.0.0.1", "localhost")}/files/m?signed=1` }).end();
  });
  const headers = { authorization: "Bearer t" };
  const tensors = closing(await openSafetensors(`${url}/m`, { headers }));
  expect(Buffer.compare(await tensors.tensor("b").read(), large)).toBe(0);
  expect(asked.slice(0, 3)).toEqual([
    { range: "bytes=0-65535", authorization: "Bearer t" },
    { range: "bytes=0-65535", authorization: "Bearer t" },
    { range: "bytes=0-65535", authorization: undefined },
  ]);
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

  test("that answers 403 for what is not there, as S3 does", async () => {
    const handler = ranges(files);
    const s3: Handler = (request, response) => {
      if (files[request.url ?? ""]) handler(request, response);
      else response.writeHead(403).end("<Error/>");
    };
    const checkpoint = closing(await openCheckpoint(`${await serve(s3)}/org/model`));
    expect(checkpoint.names.length).toBe(9);
    const error = await thrownBy(openCheckpoint(`${await serve(s3)}/other`));
    expect(error).toBeInstanceOf(SafetensorsNotFoundError);
    expect((error as Error).message).toContain("got HTTP 403. It does not exist, or needs the right headers");
  });

  test("that is not there", async () => {
    const url = await serve(ranges({}));
    await expect(openCheckpoint(url)).rejects.toThrow(SafetensorsNotFoundError);
    await expect(openCheckpoint(url)).rejects.toThrow(
      `${url}/: expected model.safetensors or model.safetensors.index.json, got neither.`,
    );
  });
});
