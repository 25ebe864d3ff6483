import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { registeredFamilies } from "@mixtape/mixtape";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fails, golden, run, SAMPLE, STACK } from "./command.js";

const MODEL = golden("mixtral/basic");
const generate = (code: number, message: string | RegExp, ...args: string[]) =>
  fails(code, message, "generate", ...args);

describe("a command line that is wrong ends with 2", () => {
  const prompt = ["--model", MODEL, "--prompt-ids", "5"];
  const range = (flag: string, value: string, expected: string) =>
    `option '${flag}' argument '${value}' is invalid. Expected ${expected}. See --help.`;

  test.each<[string, string | RegExp, string[]]>([
    ["no model", "expected --model DIR. See --help.", ["--prompt", "x"]],
    [
      "no prompt",
      "expected a prompt: --prompt TEXT, --prompt-ids 5,6,7 or --chat FILE.json. See --help.",
      ["--model", MODEL],
    ],
    [
      "two prompts",
      "expected one prompt: --prompt TEXT, --prompt-ids 5,6,7 or --chat FILE.json. See --help.",
      [...prompt, "--prompt", "x"],
    ],
    ["a misspelt flag", "unknown option '--modle' (Did you mean --model?) See --help.", ["--modle", "x"]],
    ["a flag without its value", "option '--prompt <text>' argument missing. See --help.", ["--prompt"]],
    [
      "a prompt without quotes",
      'expected flags, got "was". A text with spaces needs quotes. See --help.',
      ["--model", MODEL, "--prompt", "It", "was"],
    ],
    [
      "ids that are none",
      range("--prompt-ids <ids>", "5,x", "token ids separated by commas, such as 5,6,7"),
      ["--model", MODEL, "--prompt-ids", "5,x"],
    ],
    [
      "no ids",
      range("--prompt-ids <ids>", "", "token ids separated by commas, such as 5,6,7"),
      ["--model", MODEL, "--prompt-ids", ""],
    ],
    [
      "no tokens to write",
      range("--max-new-tokens <n>", "0", "an integer of at least 1"),
      [...prompt, "--max-new-tokens", "0"],
    ],
    [
      "a temperature below 0",
      range("--temperature <t>", "-1", "a number of at least 0"),
      [...prompt, "--temperature", "-1"],
    ],
    [
      "a temperature that is no number",
      range("--temperature <t>", "hot", "a number of at least 0"),
      [...prompt, "--temperature", "hot"],
    ],
    [
      "a top-k that is not whole",
      range("--top-k <k>", "1.5", "an integer of at least 0"),
      [...prompt, "--top-k", "1.5"],
    ],
    ["a top-p above 1", range("--top-p <p>", "2", "a number from 0 to 1"), [...prompt, "--top-p", "2"]],
    ["a min-p above 1", range("--min-p <m>", "2", "a number from 0 to 1"), [...prompt, "--min-p", "2"]],
    [
      "a repetition penalty of 0",
      range("--repetition-penalty <r>", "0", "a number above 0"),
      [...prompt, "--repetition-penalty", "0"],
    ],
    ["a seed that is not whole", range("--seed <s>", "0.5", "an integer"), [...prompt, "--seed", "0.5"]],
    [
      "too few log-probabilities",
      range("--logprobs [n]", "-1", "an integer of at least 0"),
      [...prompt, "--logprobs=-1"],
    ],
    ["an empty stop string", range("--stop <text...>", "", "some text"), [...prompt, "--stop", ""]],
    [
      "stop strings without tokenizer",
      `--stop needs a tokenizer, and ${MODEL} has none. See --help.`,
      [...prompt, "--stop", "x"],
    ],
    [
      "an engine that does not exist",
      "option '--engine <name>' argument 'abacus' is invalid. Allowed choices are auto, native, tensorflow, webgpu, wasm, cpu. See --help.",
      [...prompt, "--engine", "abacus"],
    ],
  ])("%s", (_, message, args) => generate(2, message, ...args));

  test("no such command", () => fails(2, "unknown command 'generat' (Did you mean generate?) See --help.", "generat"));

  test("no command: the help says which there are", async () => {
    const { code, stderr } = await run([]);
    expect(code).toBe(2);
    expect(stderr).toContain("Usage: sample-generate <command> [options]");
  });
});

const NAN_LOGITS =
  "logits of row 0: expected numbers, got NaN for token 0. The weights may be damaged: loading with --check-finite names the tensor.";

describe("what cannot be done ends with 1", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mixtape-errors-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A copy of a checkpoint, to be damaged. */
  function copyOf(source: string, name: string): string {
    const copy = join(folder, name);
    cpSync(source, copy, { recursive: true });
    return copy;
  }

  function changed(name: string, changes: Readonly<Record<string, unknown>>): string {
    const copy = copyOf(MODEL, name);
    const config = JSON.parse(readFileSync(join(copy, "config.json"), "utf8")) as object;
    writeFileSync(join(copy, "config.json"), JSON.stringify({ ...config, ...changes }));
    return copy;
  }

  test("an adapter that is not there", () =>
    generate(
      1,
      "nowhere: expected a folder with adapter_config.json and safetensors files, got nothing of this name. Check the path given as --adapter.",
      ...["--model", MODEL, "--prompt-ids", "5", "--adapter", "nowhere"],
    ));

  test("a folder that is no adapter's", () =>
    generate(
      1,
      /adapter_config\.json: expected a file, got none\. /,
      ...["--model", MODEL, "--prompt-ids", "5", "--adapter", MODEL],
    ));

  test("the name of a model on the Hub", () =>
    generate(
      1,
      'no/model: expected a folder with config.json and safetensors files, or a GGUF file, got nothing of this name. Check the path given as --model. Nothing is downloaded here: if no/model is on huggingface.co, "hf download no/model --local-dir no/model" gets its files.',
      ...["--model", "no/model", "--prompt-ids", "5"],
    ));

  test("a folder that is not there", () =>
    generate(
      1,
      "/no/such/folder: expected a folder with config.json and safetensors files, or a GGUF file, got nothing of this name. Check the path given as --model.",
      "--model",
      "/no/such/folder",
      "--prompt-ids",
      "5",
    ));

  test("a file for a folder", () => {
    const file = join(MODEL, "config.json");
    const message = `${file}: expected a folder with config.json and safetensors files, or a GGUF file, got a file. Pass the folder that contains it.`;
    return generate(1, message, "--model", file, "--prompt-ids", "5");
  });

  test.each([
    ["--prompt", "x"],
    ["--prompt-ids", "5"],
  ])("a folder without config, given %s", (...prompt) => {
    const empty = mkdtempSync(join(folder, "empty-"));
    const message = `${join(empty, "config.json")}: expected a file, got none. The folder is empty. A checkpoint in Hugging Face format has config.json beside its safetensors.`;
    return generate(1, message, "--model", empty, ...prompt);
  });

  test("a folder without weights", () => {
    const copy = copyOf(MODEL, "weightless");
    rmSync(join(copy, "model.safetensors"));
    const message = `${copy}: expected model.safetensors or model.safetensors.index.json, got neither. It holds safetensors files with other names, and no index that names the model's files.`;
    return generate(1, message, "--model", copy, "--prompt-ids", "5");
  });

  test("a folder without tokenizer, for text", () =>
    generate(
      1,
      /^error: .*basic: expected a file tokenizer\.json, got .*Copy tokenizer\.json .*$/,
      "--model",
      MODEL,
      "--prompt",
      "x",
    ));

  test("a family that nobody registered", () => {
    const copy = changed("unknown", { model_type: "llama" });
    const message = `${copy}/config.json: model_type: expected one of ${registeredFamilies().join(", ")}, got "llama". Register a custom family with registerFamily.`;
    return generate(1, message, "--model", copy, "--prompt-ids", "5");
  });

  test("keys of the config that nobody knows are warnings, until --ignore names them", async () => {
    const copy = changed("keys", { foo_bar: 1, foo_baz: true });
    const inputs = join(golden("mixtral/basic"), "golden.safetensors");
    const outputs = join(folder, "ignored.safetensors");
    const warning = (keys: string) => `warning: ${copy}/config.json: ${keys}.\n`;
    for (const [command, ...args] of [
      ["generate", "--prompt-ids", "5", "--max-new-tokens", "1"],
      ["forward", "--inputs", inputs, "--outputs", outputs],
      ["inspect"],
    ] as const) {
      const all = [command, "--model", copy, "--engine", "cpu", ...args];
      const said = async (...more: string[]): Promise<string> => {
        const { code, stdout, stderr } = await run([...all, ...more]);
        expect(code).toBe(0);
        return command === "inspect" ? stdout : stderr;
      };
      expect(await said()).toContain(warning("2 keys that no mixtral model reads, ignored: foo_bar, foo_baz"));
      expect(await said("--ignore", "foo_bar")).toContain(
        warning("1 key that no mixtral model reads, ignored: foo_baz"),
      );
      expect(await said("--ignore", "foo_bar", "--ignore", "foo_baz")).not.toContain("warning");
    }
  });

  test("a config that is no JSON", () => {
    const copy = copyOf(MODEL, "broken");
    writeFileSync(join(copy, "config.json"), "{");
    return generate(
      1,
      /^error: .*config\.json: expected a JSON object in UTF-8, got .*$/,
      "--model",
      copy,
      "--prompt-ids",
      "5",
    );
  });

  test("a shard that was cut off", () => {
    const copy = copyOf(golden("mixtral/basic-sharded"), "truncated");
    const shard = join(copy, "model-00002-of-00003.safetensors");
    truncateSync(shard, 3000);
    const message = new RegExp(
      `^error: .*${basename(shard)}: expected \\d+ bytes of tensors, got \\d+\\. .*truncated.*$`,
    );
    return generate(1, message, "--model", copy, "--prompt-ids", "5");
  });

  test("tensors that are missing, a long list made short", async () => {
    const copy = changed("more", { num_hidden_layers: 9 });
    const { code, stderr } = await run(["generate", "--model", copy, "--prompt-ids", "5"]);
    expect(code).toBe(1);
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toBe(`error: ${copy}: expected the tensors of its config, got 114 issues:`);
    expect(lines.slice(1, 13).every((line) => line.startsWith("  missing model.layers.3."))).toBe(true);
    expect(lines.slice(13)).toEqual([
      "  … and 102 more (--debug shows all)",
      "  All of them are of layers 3 to 8: a file of the checkpoint is missing, or num_hidden_layers in config.json belongs to another checkpoint.",
    ]);
  });

  test("NaN in the weights, where --check-finite looks for it", async () => {
    const copy = copyOf(MODEL, "nan");
    const file = join(copy, "model.safetensors");
    const bytes = readFileSync(file);
    bytes.set([0, 0, 0xc0, 0x7f], bytes.length - 4);
    writeFileSync(file, bytes);
    const args = ["--model", copy, "--prompt-ids", "5"];
    await generate(
      1,
      /^error: model\.norm\.weight: expected finite numbers, got NaN at element 31 of \[32\]\. .*$/,
      ...args,
      "--check-finite",
    );
    await generate(1, NAN_LOGITS, ...args);
  });

  test("NaN that comes after the first token: the message has a line of its own", async () => {
    const copy = copyOf(MODEL, "nan-later");
    const args = ["generate", "--model", copy, "--prompt-ids", "5", "--engine", "cpu"];
    const token = Number((await run([...args, "--max-new-tokens", "1"])).stdout);
    const file = join(copy, "model.safetensors");
    const bytes = readFileSync(file);
    const headerEnd = 8 + Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString("utf8", 8, headerEnd)) as Record<string, { data_offsets: number[] }>;
    const [begin] = header["model.embed_tokens.weight"]!.data_offsets;
    bytes.writeFloatLE(Number.NaN, headerEnd + begin! + token * 32 * 4);
    writeFileSync(file, bytes);
    const ended = await run(args);
    expect(token).not.toBe(5);
    expect(ended).toEqual({ code: 1, stdout: `${token}`, stderr: `[5]\n\nerror: ${NAN_LOGITS}\n` });
  });

  test("an empty prompt", () =>
    generate(1, "prompt: expected at least one token, got none.", "--model", SAMPLE, "--prompt", "", "--json"));

  test.each([
    ["with", ["--json"]],
    ["without", []],
  ] as const)("a prompt longer than the context, %s --json not shown", (_, flags) =>
    generate(
      1,
      "prompt: expected fewer tokens than the model's context, 128, got 128. Shorten it. The context is max_position_embeddings in config.json, or as far as rope_parameters there stretches it.",
      "--model",
      MODEL,
      "--prompt-ids",
      new Array(128).fill(1).join(),
      ...flags,
    ),
  );

  test("a token id outside the vocabulary", () =>
    generate(
      1,
      "inputIds[0][1]: expected a token id from 0 to 96, got 97. The tokenizer may belong to another model.",
      "--model",
      MODEL,
      "--json",
      "--prompt-ids",
      "5,97",
    ));

  test("a prompt with tokens of another model's tokenizer", () => {
    const copy = copyOf(MODEL, "foreign");
    cpSync(join(SAMPLE, "tokenizer.json"), join(copy, "tokenizer.json"));
    const message =
      /^error: prompt: expected tokens of the model's vocabulary, ids below 97, got \d+, ".*"\. The tokenizer belongs to another model/;
    return generate(1, message, "--model", copy, "--prompt", "It was a fine morning", "--json");
  });

  describe("a chat", () => {
    const chat = (name: string, text: string, message: (file: string) => string | RegExp, model = SAMPLE) => {
      const file = join(folder, `${name}.json`);
      writeFileSync(file, text);
      return generate(1, message(file), "--model", model, "--chat", file);
    };
    const LIST = 'a chat, [{ "role": "user", "content": "…" }] or { "messages": […], "tools": […] }';

    test("that is not there", () =>
      generate(1, `absent.json: expected ${LIST}, got no such file.`, "--model", SAMPLE, "--chat", "absent.json"));
    test("that is no JSON", () =>
      chat("no-json", "hello", () => /no-json\.json: expected a chat.*got no JSON \(.*\)\.$/));
    test("without a role", () =>
      chat(
        "no-role",
        '[{ "content": "x" }]',
        () => /no-role\.json: messages\[0\]: expected a message, .*, got the keys content\.$/,
      ));
    test("with a role that the template does not know", () => {
      const copy = copyOf(SAMPLE, "strict");
      const template = "{% if messages[0]['role'] != 'user' %}{{ raise_exception('Only user may speak') }}{% endif %}";
      writeFileSync(join(copy, "chat_template.jinja"), template);
      const message = `chat template of ${copy}: expected messages that the template accepts, got the template's error "Only user may speak".`;
      return chat("role", '[{ "role": "ghost", "content": "boo" }]', () => message, copy);
    });
  });

  test("an engine that is not installed", () =>
    generate(
      1,
      /^error: engine "webgpu": expected an engine that works here, got .*\. To get it: .*These work here: .*cpu \(.*\)\.$/,
      "--model",
      MODEL,
      "--prompt-ids",
      "5",
      "--engine",
      "webgpu",
    ));
});

test("--debug and MIXTAPE_DEBUG show the stack, and where it came from", async () => {
  const args = ["generate", "--model", "/no/such/folder", "--prompt-ids", "5"];
  for (const ended of [await run([...args, "--debug"]), await run(args, { env: { MIXTAPE_DEBUG: "1" } })]) {
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(STACK);
    expect(ended.stderr).toContain("InputError: /no/such/folder: expected a folder");
  }
});

test("colours come where they are asked for, and not with NO_COLOR", async () => {
  const args = ["generate", "--model", "/no/such/folder", "--prompt-ids", "5"];
  const [forced, both] = [
    await run(args, { env: { FORCE_COLOR: "1" } }),
    await run(args, { env: { FORCE_COLOR: "1", NO_COLOR: "1" } }),
  ];
  expect(forced.stderr.startsWith("\x1b[31merror:\x1b[39m ")).toBe(true);
  expect(both.stderr).toMatch(/^error: /);
});
