/** Files of texts to learn: lines, lists and whole texts. */

import { fileURLToPath } from "node:url";
import { OptionError } from "@mixtape/errors";
import { Tokenizer } from "@mixtape/tokenizer";
import { beforeAll, describe, expect, test } from "vitest";
import { DataError, type Dataset, prepareExample, readDataset } from "../src/index.js";

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.fromFolder(fileURLToPath(new URL("__fixtures__/data/chatml", import.meta.url)));
});

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (name: string, content: string | Uint8Array, ignoreKeys?: string[]): Promise<Dataset> =>
  readDataset([typeof content === "string" ? encode(content) : content], tokenizer, {
    name,
    ...(ignoreKeys && { ignoreKeys }),
  });
const textsOf = ({ examples }: Dataset): string[] => examples.map(({ inputIds }) => tokenizer.decode(inputIds));

describe("what is read", () => {
  test("a .txt file is one text, with the token that ends one; its tokens may go on in another row", async () => {
    const { examples, warnings } = await read("a.txt", "\uFEFFthe cat\r\nsat");
    expect(textsOf({ examples, warnings })).toEqual(["the cat\r\nsat<|im_end|>"]);
    expect(examples[0]!.overflow).toBe("split");
    expect(warnings).toEqual([]);
  });

  test.each([
    ["lines", '{"text": "a"}\n{"text": "b"}\n'],
    ["no newline at the end", '{"text": "a"}\n{"text": "b"}'],
    ["Windows line ends, blank lines and a byte order mark", '\uFEFF{"text": "a"}\r\n\r\n  \r\n{"text": "b"}\r\n'],
  ])("a .jsonl file: %s", async (_, content) => {
    expect(textsOf(await read("a.jsonl", content))).toEqual(["a<|im_end|>", "b<|im_end|>"]);
  });

  test("a .json file is a list of rows", async () => {
    expect(textsOf(await read("A.JSON", '[{"text": "a"},\n {"text": "b"}]'))).toEqual(["a<|im_end|>", "b<|im_end|>"]);
  });

  test("bytes that come one by one, and a buffer that is used again", async () => {
    const bytes = encode('{"text": "日本語"}\n{"text": "🍐"}');
    async function* slowly(): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(1);
      for (const byte of bytes) {
        buffer[0] = byte;
        yield buffer;
      }
    }
    const found = await readDataset(slowly(), tokenizer, { name: "a.jsonl" });
    expect(textsOf(found)).toEqual(["日本語<|im_end|>", "🍐<|im_end|>"]);
  });

  test("a stream of a browser's file", async () => {
    const stream = new Blob(['{"text": "a"}\n']).stream() as unknown as AsyncIterable<Uint8Array>;
    expect(textsOf(await readDataset(stream, tokenizer, { name: "a.jsonl" }))).toEqual(["a<|im_end|>"]);
  });

  test("numbers in a tool's arguments are Python's", async () => {
    const template = "{% for m in messages %}{% generation %}{{ m.x }} {{ m.y }}{% endgeneration %}{% endfor %}";
    const message = '{"role": "assistant", "content": "", "x": 1.0, "y": {"2": 1, "b": true}}';
    const kwargs = JSON.stringify({ chat_template: template });
    const row = `{"messages": [${message}], "chat_template_kwargs": ${kwargs}}`;
    expect(textsOf(await read("a.jsonl", row))).toEqual(["1.0 {'2': 1, 'b': True}"]);
  });
});

describe("what there is to know", () => {
  test("one sentence for each kind of thing, with the first line and how many more", async () => {
    const lines = [
      { prompt: "the c", completion: "at sat" },
      { messages: [{ role: "user", content: "Hi" }] },
      { prompt: "the c", completion: "at" },
      {
        conversations: [
          { from: "human", value: "Hi" },
          { from: "gpt", value: "Hello" },
        ],
      },
    ];
    const { warnings, examples } = await read("a.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
    expect(examples).toHaveLength(4);
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toMatch(
      /^a\.jsonl: line 1 and 1 more: the tokens of the prompt alone are not the first tokens of /,
    );
    expect(warnings[1]).toMatch(/^a\.jsonl: line 2: no assistant message, so no token is labelled$/);
    expect(warnings[2]).toMatch(/^a\.jsonl: line 4: the roles human and gpt are read as user and assistant$/);
  });
});

describe("what is refused, by line", () => {
  test.each<[string, string, string | Uint8Array, string | RegExp]>([
    ["an empty file", "a.jsonl", "", "a.jsonl: expected texts to train on, got an empty file."],
    ["blank lines alone", "a.jsonl", "\n \r\n", "a.jsonl: expected texts to train on, got an empty file."],
    ["an empty text", "a.txt", " \n", "a.txt: expected texts to train on, got an empty file."],
    ["an empty list", "a.json", "[]", "a.json: expected texts to train on, got an empty file."],
    [
      "rows without a label",
      "a.jsonl",
      '{"messages":[{"role":"user","content":"x"}]}',
      /^a\.jsonl: expected a text of at least two tokens with a label other than -100, got none: all labels are -100\./,
    ],
    [
      "roles that are nobody's answer",
      "a.jsonl",
      '{"messages":[{"role":"human","content":"x"},{"role":"gpt","content":"y"}]}\n'.repeat(3),
      /got none: all labels are -100\. a\.jsonl: line 1 and 2 more: no token is labelled, since no message has the role "assistant"\. Other roles: "human", "gpt"\. Completions/,
    ],
    [
      "a line that is no JSON",
      "a.jsonl",
      '{"text":"a"}\n\n{"text":\n',
      'a.jsonl: line 3: expected {"text": …}, {"prompt": …, "completion": …}, {"messages": […]} or {"input_ids": […]}, got no JSON: the end where there should be a value at character 9.',
    ],
    [
      "a line that is no object",
      "a.jsonl",
      '{"text":"a"}\n7\n',
      /^a\.jsonl: line 2: expected \{"text": …\}, .*, got a number\./,
    ],
    [
      "an unknown key in some row",
      "a.jsonl",
      '{"text":"a"}\n{"text":"b","id":1}\n',
      /^a\.jsonl: line 2: expected no keys but "text", got "id"\./,
    ],
    [
      "a .json file that is no list",
      "a.json",
      '{"text":"a"}',
      "a.json: expected a list of rows, got an object. A file with a row on each line is called .jsonl.",
    ],
    [
      "an item of a list",
      "a.json",
      '[{"text":"a"},{"txt":"b"}]',
      /^a\.json: row 2: expected .*, got \{"txt": a string\}\./,
    ],
    [
      "bytes that are no UTF-8",
      "a.jsonl",
      new Uint8Array([...encode('{"text":"a"}\n'), 0x22, 0xff, 0x22]),
      "a.jsonl: line 2: expected text in UTF-8, got other bytes. Save the file in UTF-8.",
    ],
    [
      "a text that is no UTF-8",
      "a.txt",
      new Uint8Array([0x61, 0xff]),
      "a.txt: expected text in UTF-8, got other bytes. Save the file in UTF-8.",
    ],
    ["JSON that nests too deep", "a.jsonl", "[".repeat(100_000), /^a\.jsonl: line 1: .*levels of nesting/],
    ["another file", "a.csv", "a,b", /^a\.csv: expected a \.txt, \.jsonl or \.json file, got \.csv\. In Python, /],
    [
      "a compressed file",
      "a.jsonl.gz",
      "x",
      "a.jsonl.gz: expected a .txt, .jsonl or .json file, got .gz. Decompress it.",
    ],
    [
      "a name without an ending",
      "data",
      "x",
      /^data: expected a \.txt, \.jsonl or \.json file, got a name without an ending\./,
    ],
  ])("%s", async (_, name, content, message) => {
    const run = read(name, content);
    await expect(run).rejects.toThrow(DataError);
    await expect(read(name, content)).rejects.toThrow(message);
  });

  test("a line of more than 64 MiB, before it is all in memory", async () => {
    let asked = 0;
    function* endless(): Generator<Uint8Array> {
      yield encode('{"text":"a"}\n');
      const chunk = new Uint8Array(2 ** 20).fill(0x61);
      for (;;) {
        asked++;
        yield chunk;
      }
    }
    const message = /^a\.jsonl: line 2: expected at most 64 MiB, got more\. Split it/;
    await expect(readDataset(endless(), tokenizer, { name: "a.jsonl" })).rejects.toThrow(message);
    expect(asked).toBeLessThanOrEqual(65);
  });

  test("an option that it does not have", async () => {
    const options = { name: "a.txt", ignore: ["x"] } as unknown as { name: string };
    await expect(readDataset([], tokenizer, options)).rejects.toThrow(OptionError);
  });

  test("keys that are passed over", async () => {
    const found = await read("a.jsonl", '{"text":"a","id":1,"source":"x"}', ["id", "source"]);
    expect(found.examples[0]!.inputIds).toEqual(prepareExample({ text: "a" }, tokenizer).inputIds);
  });
});
