import { openSafetensors } from "@mixtape/safetensors";
import { mutateBytes } from "../mutate-bytes.js";
import type { Random } from "../random.js";
import { bytesOf, type Files, type Target } from "../target.js";

/** Faults of one answer of a server. */
interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Cuts the body: bytes before the cut, and whether the connection breaks there or ends. */
  readonly cut?: readonly [after: number, breaks: boolean];
  /** Bytes after the body, possibly endless. */
  readonly more?: number | "endless";
  /** Sends the whole file, although a range was requested. */
  readonly whole?: boolean;
  /** Does not answer. */
  readonly fails?: boolean;
}

const HEADERS: Readonly<Record<string, readonly (string | null)[]>> = {
  "content-range": [
    null,
    "bytes */0",
    "bytes */100",
    "bytes 0-0/1",
    "bytes 0-9/*",
    "bytes 5-1/9",
    "bytes 0-99999999999999999999/99999999999999999999",
    "items 0-1/2",
    "bytes 0-65535/9007199254740991",
  ],
  "content-length": [null, "0", "-1", "1e9", "99999999999999", "x"],
  "content-encoding": ["gzip", "identity", "br", "x"],
  "content-type": ["text/html; charset=utf-8", "application/json", ""],
  etag: ['"a"', '"b"', 'W/"a"', ""],
  "last-modified": ["Mon, 30 Nov 2026 00:00:00 GMT", "never", ""],
  "retry-after": ["0", "1e99", "-1", "Mon, 30 Nov 2099 00:00:00 GMT", "soon"],
};
/** Tensors to read: the last ones, which the first request does not include. */
const TENSORS = 5;

const STATUSES = [200, 204, 206, 301, 304, 400, 401, 403, 404, 408, 410, 416, 418, 425, 429, 500, 501, 503, 599];

/** Servers that answer range requests wrongly: the file is right, or there is an error. */
export const webServers: Target = {
  name: "web servers",
  async prepare() {
    // Long enough for more than one request.
    const file = bytesOf("packages/testing/__fixtures__/models/mixtral/basic/model.safetensors");
    const original = await openSafetensors(file);
    return {
      make: (random): Files =>
        new Map<string, string | Uint8Array>([
          ["answers.json", JSON.stringify(Array.from({ length: 6 }, () => (random.chance(0.5) ? {} : answer(random))))],
          ["model.safetensors", random.chance(0.1) ? mutateBytes(file, random) : file],
        ]),
      async read(files) {
        const answers = JSON.parse(files.get("answers.json") as string) as Answer[];
        const bytes = files.get("model.safetensors") as Uint8Array;
        let requests = 0;
        const source = await openSafetensors("http://localhost/model.safetensors", {
          fetch: async (_, init) => respond(bytes, answers[requests++] ?? {}, new Headers(init?.headers).get("range")),
          wait: async () => {},
          retries: 2,
          wholeFileUpTo: 1_000_000,
        });
        for (const name of source.names.slice(-TENSORS)) {
          const bytesRead = await source.tensor(name).read();
          if (bytes === file && Buffer.compare(bytesRead, await original.tensor(name).read()) !== 0)
            throw new Error(`the bytes of ${name} are wrong`);
        }
        await source.close();
      },
    };
  },
};

function answer(random: Random): Answer {
  const names = Object.keys(HEADERS);
  return random.pick<() => Answer>([
    () => ({ status: random.pick(STATUSES) }),
    () => {
      const name = random.pick(names);
      return { headers: { [name]: random.pick(HEADERS[name]!) } };
    },
    () => ({ cut: [random.below(3000), random.chance(0.5)] }),
    () => ({ more: random.pick([1, 1000, "endless"] as const) }),
    () => ({ whole: true }),
    () => ({ fails: true }),
  ])();
}

function respond(file: Uint8Array, answer: Answer, range: string | null): Response {
  if (answer.fails) throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  const isWhole = answer.whole || first === undefined || last === undefined;
  const begin = isWhole ? 0 : Number(first);
  const end = isWhole ? file.length : Math.min(Number(last) + 1, file.length);
  const headers = new Headers({ etag: '"a"', "content-length": String(end - begin) });
  if (!isWhole) headers.set("content-range", `bytes ${begin}-${end - 1}/${file.length}`);
  for (const [name, value] of Object.entries(answer.headers ?? {}))
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  const status = answer.status ?? (isWhole ? 200 : 206);
  const hasNone = status === 204 || status === 304;
  return new Response(hasNone ? null : body(file.subarray(begin, end), answer), { status, headers });
}

function body(bytes: Uint8Array, { cut, more }: Answer): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent++ === 0) return controller.enqueue(new Uint8Array(cut ? bytes.subarray(0, cut[0]) : bytes));
      if (cut?.[1]) return controller.error(new TypeError("terminated", { cause: { code: "UND_ERR_SOCKET" } }));
      if (more === "endless") return controller.enqueue(new Uint8Array(65_536));
      if (more !== undefined && sent === 2) return controller.enqueue(new Uint8Array(more));
      controller.close();
    },
  });
}
