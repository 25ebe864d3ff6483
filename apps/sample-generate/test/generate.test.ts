import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tokenizer } from "@mixtape/tokenizer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { golden, json, run, SAMPLE, STACK } from "./command.js";

interface Result {
  readonly promptIds: number[];
  readonly ids: number[];
  readonly text: string | null;
  readonly finishReason: string;
  readonly [key: string]: unknown;
}

const generate = (...args: string[]): Promise<Result> => json<Result>("generate", ...args);

describe("greedy, as the reference writes", () => {
  test.each(["mixtral", "qwen3-moe", "afmoe"])("%s", async (family) => {
    const folder = golden(`${family}/basic`);
    const greedy = JSON.parse(readFileSync(join(folder, "greedy.json"), "utf8")) as {
      prompt_ids: number[][];
      ids: number[][];
    };
    const prompt = greedy.prompt_ids[0]!;
    const result = await generate("--model", folder, "--prompt-ids", prompt.join(), "--max-new-tokens", "64");
    expect(result).toMatchObject({ promptIds: prompt, ids: greedy.ids[0], text: null, finishReason: "length" });
  });
});

describe("--prompt-cache", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mixtape-prompt-cache-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("keeps what is computed for the next run, also of another engine, which writes the same as without", async () => {
    const file = join(folder, "text.cache");
    const model = golden("mixtral/basic");
    const prompt = [1, 2, 3, 4, 5];
    const args = ["--model", model, "--max-new-tokens", "4", "--prompt-cache", file];
    const first = await generate(...args, "--prompt-ids", prompt.join(), "--engine", "wasm");
    expect(first.cachedTokens).toBe(0);
    const longer = [...prompt, ...first.ids, 6].join();
    const second = await generate(...args, "--prompt-ids", longer, "--engine", "cpu");
    expect(second.cachedTokens).toBe(prompt.length + first.ids.length - 1);
    const { ids } = await generate("--model", model, "--max-new-tokens", "4", "--prompt-ids", longer);
    expect(second.ids).toEqual(ids);
    expect(readdirSync(folder)).toEqual(["text.cache"]);
  });

  test("refuses a file that cannot be, or is that of another model, and leaves it", async () => {
    const common = ["generate", "--prompt-ids", "1,2", "--max-new-tokens", "1", "--engine", "cpu", "--prompt-cache"];
    const mixtral = ["--model", golden("mixtral/basic")];
    expect((await run([...common, join(folder, "no/such.cache"), ...mixtral])).stderr).toContain("there is no folder");
    expect((await run([...common, folder, ...mixtral])).stderr).toContain("is not a file");
    const file = join(folder, "other.cache");
    await generate(...common.slice(1), file, ...mixtral);
    const before = readFileSync(file);
    const { code, stderr } = await run([...common, file, "--model", golden("afmoe/basic")]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("It was saved from another model");
    expect(readFileSync(file)).toEqual(before);
  });
});

describe("--kv-cache-dtype int8", () => {
  const args = ["--model", golden("mixtral/basic"), "--prompt-ids", "1,2,3,4,5", "--max-new-tokens", "6"];

  test("writes with a rounded cache, also from a file, which keeps the dtype", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mixtape-kv-cache-dtype-"));
    try {
      const [full, rounded] = [join(folder, "full.cache"), join(folder, "int8.cache")];
      const { ids } = await generate(...args, "--engine", "cpu", "--kv-cache-dtype", "int8");
      await generate(...args, "--engine", "cpu", "--prompt-cache", full, "--kv-cache-dtype", "auto");
      const kept = await generate(...args, "--engine", "cpu", "--prompt-cache", rounded, "--kv-cache-dtype", "int8");
      expect(kept.ids).toEqual(ids);
      const sizes = () => [full, rounded].map((file) => readFileSync(file).length);
      const [ofFull, ofRounded] = sizes();
      expect(ofRounded).toBeLessThan(ofFull!);
      const again = await generate(...args, "--engine", "wasm", "--prompt-cache", rounded);
      expect([again.ids, again.cachedTokens]).toEqual([ids, 4]);
      expect(sizes()).toEqual([ofFull, ofRounded]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("another dtype is refused", async () => {
    const { code, stderr } = await run(["generate", ...args, "--kv-cache-dtype", "int4"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("Expected auto or int8.")]);
  });
});

test("--json prints one object with these keys", async () => {
  const args = ["--model", SAMPLE, "--prompt", "It was", "--max-new-tokens", "5", "--engine", "cpu"];
  const result = await generate(...args);
  expect(Object.keys(result)).toEqual([
    "model",
    "adapter",
    "modelType",
    "engine",
    "experts",
    "promptIds",
    "ids",
    "text",
    "finishReason",
    "loadMs",
    "prefillTokensPerSecond",
    "decodeTokensPerSecond",
    "peakRssBytes",
  ]);
  const tokenizer = await Tokenizer.fromFolder(SAMPLE);
  expect(result).toEqual({
    model: SAMPLE,
    adapter: null,
    modelType: "afmoe",
    engine: "cpu",
    experts: "sparse",
    promptIds: tokenizer.encode("It was"),
    ids: expect.objectContaining({ length: 5 }),
    text: tokenizer.decode(result.ids),
    finishReason: "length",
    loadMs: expect.any(Number),
    prefillTokensPerSecond: expect.any(Number),
    decodeTokensPerSecond: expect.any(Number),
    peakRssBytes: expect.any(Number),
  });
  expect(result.loadMs).toBeGreaterThan(0);
  expect(result.prefillTokensPerSecond).toBeGreaterThan(0);
  expect(result.decodeTokensPerSecond).toBeGreaterThan(0);
  // The weights alone, as float32.
  expect(result.peakRssBytes).toBeGreaterThan(20e6);
});

test("one token takes no decoding", async () => {
  const result = await generate("--model", golden("afmoe/basic"), "--prompt-ids", "5", "--max-new-tokens", "1");
  expect(result.ids).toHaveLength(1);
  expect(result.decodeTokensPerSecond).toBeNull();
});

describe("chance", () => {
  const prompt = ["--model", SAMPLE, "--prompt", "It was", "--max-new-tokens", "16"];

  test("comes with a temperature, and a seed tames it, on any engine", async () => {
    const sampled = [...prompt, "--temperature", "0.9", "--top-k", "40", "--top-p", "0.95", "--min-p", "0.01"];
    const [first, again, onCpu, other] = await Promise.all([
      generate(...sampled, "--seed", "7", "--engine", "wasm"),
      generate(...sampled, "--seed", "7", "--engine", "wasm"),
      generate(...sampled, "--seed", "7", "--engine", "cpu"),
      generate(...sampled, "--seed", "8", "--engine", "wasm"),
    ]);
    expect(again.ids).toEqual(first.ids);
    expect(onCpu.ids).toEqual(first.ids);
    expect(onCpu.text).toBe(first.text);
    expect(other.ids).not.toEqual(first.ids);
  });

  test("has no part without one, though the model's generation config samples", async () => {
    const config = JSON.parse(readFileSync(join(SAMPLE, "generation_config.json"), "utf8")) as { do_sample?: boolean };
    expect(config.do_sample).toBe(true);
    const [first, again] = await Promise.all([generate(...prompt), generate(...prompt, "--temperature", "0")]);
    expect(again.ids).toEqual(first.ids);
  });

  test("flags of it that change nothing are noted", async () => {
    const { code, stderr } = await run(["generate", ...prompt, "--json", "--seed", "1", "--top-k", "5"]);
    expect(code).toBe(0);
    expect(stderr).toBe("note: without --temperature, --top-k and --seed change nothing\n");
  });
});

describe("the end", () => {
  const prompt = ["--model", SAMPLE, "--prompt", "It was", "--max-new-tokens", "24"];

  test("comes with any of several stop strings, given together or one by one", async () => {
    const { text, ids } = await generate(...prompt);
    const stop = text!.slice(20, 24);
    const [together, apart] = await Promise.all([
      generate(...prompt, "--stop", stop, "never written"),
      generate(...prompt, "--stop", "never written", "--stop", stop),
    ]);
    const cut = text!.slice(0, text!.indexOf(stop));
    expect(together).toMatchObject({ text: cut, finishReason: "stop", stopReason: stop });
    expect(together.ids).toEqual(ids.slice(0, together.ids.length));
    expect(apart).toMatchObject({ text: together.text, ids: together.ids, finishReason: "stop" });
  });

  test("comes with the end token, unless it is ignored", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mixtape-eos-"));
    try {
      for (const file of ["config.json", "model.safetensors"])
        writeFileSync(join(folder, file), readFileSync(join(golden("afmoe/basic"), file)));
      writeFileSync(join(folder, "generation_config.json"), '{ "eos_token_id": 25, "max_new_tokens": 6 }');
      const [ended, ignored] = await Promise.all([
        generate("--model", folder, "--prompt-ids", "5,6,7"),
        generate("--model", folder, "--prompt-ids", "5,6,7", "--ignore-eos"),
      ]);
      expect(ended).toMatchObject({ ids: [14, 64, 25], finishReason: "eos" });
      expect(ignored).toMatchObject({ ids: [14, 64, 25, 55, 74, 56], finishReason: "length" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("comes with the model's context", async () => {
    const result = await generate(
      "--model",
      golden("afmoe/basic"),
      "--prompt-ids",
      "5,6,7",
      "--max-new-tokens",
      "1000",
    );
    expect(result.ids).toHaveLength(125);
    expect(result.finishReason).toBe("length");
  });

  test("comes later with a repetition penalty than the loop that it avoids", async () => {
    const plain = ["--model", golden("mixtral/basic"), "--prompt-ids", "5", "--max-new-tokens", "40"];
    const distinct = async (...args: string[]) => new Set((await generate(...plain, ...args)).ids).size;
    expect(await distinct("--repetition-penalty", "5")).toBeGreaterThan(await distinct());
  });
});

describe("log-probabilities", () => {
  const prompt = ["--model", SAMPLE, "--prompt", "It was", "--max-new-tokens", "3", "--engine", "cpu"];
  interface Token {
    readonly id: number;
    readonly token: string | null;
    readonly logprob: number;
    readonly top: readonly Omit<Token, "top">[];
  }

  test("of the new tokens and of the prompt are in the JSON", async () => {
    const result = await generate(...prompt, "--logprobs", "2", "--prompt-logprobs");
    const logprobs = result.logprobs as Token[];
    const promptLogprobs = result.promptLogprobs as (Token | null)[];
    expect(logprobs.map(({ id }) => id)).toEqual(result.ids);
    expect(logprobs.map(({ token }) => token).join("")).toBe(result.text);
    for (const { id, logprob, top } of logprobs) {
      expect(top).toHaveLength(2);
      // Greedy text is of the likeliest tokens.
      expect(top[0]).toEqual({ id, logprob, token: expect.any(String) });
      expect(top[1]!.logprob).toBeLessThan(logprob);
    }
    expect(promptLogprobs.map((one) => one?.id)).toEqual([undefined, ...result.promptIds.slice(1)]);
    expect(promptLogprobs[1]).toMatchObject({ logprob: expect.any(Number), top: [] });
  });

  test("are a table for people, and ids stand for text without tokenizer", async () => {
    const { code, stderr } = await run(["generate", ...prompt, "--logprobs", "2"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/\n {2}" a" +-3\.\d{3} +3\.\d % {2}" a" 3\.\d % {2}" here" \d\.\d %\n/);
    const ids = ["--model", golden("afmoe/basic"), "--prompt-ids", "5,6,7", "--max-new-tokens", "1", "--logprobs"];
    expect((await run(["generate", ...ids])).stderr).toMatch(/\n {2}14 +-\d\.\d{3} +\d+\.\d %\n/);
    expect((await generate(...ids)).logprobs).toEqual([{ id: 14, token: null, logprob: expect.any(Number), top: [] }]);
  });
});

describe("a chat", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mixtape-chat-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("goes through the tokenizer's template", async () => {
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Who are you?" },
    ];
    const file = join(folder, "chat.json");
    writeFileSync(file, JSON.stringify(messages));
    const tokenizer = await Tokenizer.fromFolder(SAMPLE);
    const text = tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true });
    const result = await generate("--model", SAMPLE, "--chat", file, "--max-new-tokens", "2");
    expect(result.promptIds).toEqual(tokenizer.encode(text, { addSpecialTokens: false }));
    expect(tokenizer.decode(result.promptIds)).toBe(text);
  });
});

describe("for people", () => {
  test("the text goes to standard output, and everything else to standard error", async () => {
    const args = ["--model", SAMPLE, "--prompt", "It was", "--max-new-tokens", "12"];
    const [{ code, stdout, stderr }, { text }] = await Promise.all([run(["generate", ...args]), generate(...args)]);
    expect(code).toBe(0);
    expect(stdout).toBe(`${text}\n`);
    expect(stderr).toMatch(
      new RegExp(
        [
          "^It was",
          "  engine +(native|wasm|tensorflow) \\(.+\\)",
          "(?:  not used +\\w+: .+\n)*  experts +(fused|sparse)",
          "  prefill +3 tokens, \\d+\\.\\d tokens/s",
          "  decode +12 tokens, \\d+\\.\\d tokens/s, ended by the limit of its length",
          "  loading +\\d+\\.\\d\\d s",
          "  memory +\\d+\\.\\d [MG]iB at most",
          "$",
        ].join("\n"),
      ),
    );
    expect(stderr).not.toMatch(STACK);
  });

  test("ids stand for text where there is no tokenizer", async () => {
    const args = ["generate", "--model", golden("afmoe/basic"), "--prompt-ids", "5, 6,7", "--max-new-tokens", "4"];
    const { stdout, stderr } = await run(args);
    expect(stdout).toBe("14 64 25 55\n");
    expect(stderr).toMatch(/^\[5, 6, 7\]\n/);
  });
});
