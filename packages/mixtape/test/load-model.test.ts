import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AfmoeForCausalLM } from "@mixtape/afmoe";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { fixture, longTestEngines, withoutLeak } from "@mixtape/testing";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  CheckpointError,
  currentEngine,
  generateText,
  generateTokens,
  inspectModel,
  type LoadWarning,
  loadModel,
  loadTokenizer,
  ModelTooLargeError,
  TokenizerError,
  useEngine,
} from "../src/index.js";
import { configOnly, filesOf, golden, SAMPLE, withConfig } from "./files.js";

const HAS_NATIVE = longTestEngines().includes("native");

test("without an engine in use, the automatic choice is made", () => {
  // In a process of its own: in this one, another file may have chosen.
  const code = `
    import { currentEngine, loadModel } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
    let before;
    try { before = currentEngine().name; } catch (error) { before = error.name; }
    await loadModel(${JSON.stringify(golden("mixtral/basic"))});
    console.log(before, currentEngine().name);`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
  expect(said.trim()).toMatch(HAS_NATIVE ? /^EngineError native$/ : /^EngineError (tensorflow|wasm)$/);
});

test("an engine that is asked for is used, and stays in use", async () => {
  (await loadModel(golden("mixtral/basic"), { engine: "cpu" })).dispose();
  expect(currentEngine().name).toBe("cpu");
  (await loadModel(golden("mixtral/basic"))).dispose();
  expect(currentEngine().name).toBe("cpu");
});

describe("on cpu", () => {
  beforeAll(async () => {
    await useEngine("cpu");
  });

  test.each([
    ["mixtral", MixtralForCausalLM],
    ["qwen3-moe", Qwen3MoeForCausalLM],
    ["afmoe", AfmoeForCausalLM],
  ])("model_type finds the family %s, whole, sharded, and in a page's files", async (family, Family) => {
    await withoutLeak(async () => {
      const sources = [
        golden(`${family}/basic`),
        golden(`${family}/basic-sharded`),
        filesOf(golden(`${family}/basic-sharded`)),
      ];
      for (const source of sources) {
        const model = await loadModel(source);
        expect(model).toBeInstanceOf(Family);
        model.dispose();
      }
    });
  });

  test("progress is told in bytes of the file, up to all of them", async () => {
    const seen: number[] = [];
    let total = 0;
    const onProgress = ({ loadedBytes, totalBytes }: { loadedBytes: number; totalBytes: number }) => {
      seen.push(loadedBytes);
      total = totalBytes;
    };
    (await loadModel(golden("mixtral/basic"), { onProgress })).dispose();
    expect(total).toBe(4 * 25_248);
    expect(seen.at(-1)).toBe(total);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  test("keys of config.json that nothing knows are left out with one warning, or in silence where told", async () => {
    const files = withConfig("mixtral/basic", { house_style: "plain", num_Experts: 7 });
    const warnings: LoadWarning[] = [];
    const onWarning = (warning: LoadWarning) => warnings.push(warning);
    (await loadModel(files, { engine: "cpu", onWarning })).dispose();
    expect(warnings).toEqual([
      {
        kind: "unused-keys",
        names: ["house_style", "num_Experts"],
        message:
          "config.json: 2 keys that no mixtral model reads, ignored: house_style, num_Experts (did you mean num_experts?)",
      },
    ]);
    expect((await inspectModel(files)).warnings).toEqual(warnings);
    warnings.length = 0;
    (await loadModel(files, { onWarning, ignore: ["house_style", "num_Experts"] })).dispose();
    expect(warnings).toEqual([]);
  });

  test("warnings go to the console by default", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    (await loadModel(withConfig("mixtral/basic", { house_style: "plain" }), { engine: "cpu" })).dispose();
    expect(warn.mock.calls).toEqual([["config.json: 1 key that no mixtral model reads, ignored: house_style"]]);
    warn.mockRestore();
  });

  test("an aborted load throws the reason and leaves nothing", async () => {
    const controller = new AbortController();
    await withoutLeak(async () => {
      const onProgress = () => controller.abort(new Error("enough"));
      await expect(loadModel(golden("afmoe/basic"), { signal: controller.signal, onProgress })).rejects.toThrow(
        "enough",
      );
    });
  });

  test("the model has its generation config", async () => {
    const files = filesOf(golden("mixtral/basic"));
    files.set("generation_config.json", new Blob(['{ "temperature": 0.25, "max_new_tokens": 3 }']));
    const model = await loadModel(files);
    expect(model.generationConfig).toMatchObject({ temperature: 0.25, maxNewTokens: 3 });
    model.dispose();
  });

  test("without one, what config.json says of generation counts, as in transformers 5.18", async () => {
    const files = withConfig("mixtral/basic", { suppress_tokens: [3], max_length: 9, eos_token_id: [2, 5] });
    files.delete("generation_config.json");
    const model = await loadModel(files);
    expect(model.generationConfig).toMatchObject({ suppressTokens: [3], maxLength: 9, eosTokenId: [2, 5] });
    model.dispose();
    files.set("generation_config.json", new Blob(['{ "top_k": 7, "note": NaN, "limit": -Infinity }']));
    const other = await loadModel(files);
    expect(other.generationConfig.topK).toBe(7);
    expect(other.generationConfig.suppressTokens).toBeUndefined();
    other.dispose();
  });

  test("a config whose decoder is nested is refused, not taken for one that says nothing", async () => {
    await expect(loadModel(withConfig("mixtral/basic", { text_config: { hidden_size: 8 } }))).rejects.toThrow(
      "config.json: text_config: expected null",
    );
  });

  test("a model that sees the tokens after each is refused", async () => {
    await expect(loadModel(withConfig("mixtral/basic", { is_causal: false }))).rejects.toThrow(
      "is_causal: expected true or null",
    );
  });

  test.each([
    [
      '{ "mood": "cheerful", "do_sample": true, "temperature": 0 }',
      "generation_config.json: temperature: expected a number above 0",
    ],
    [
      '{ "num_beams": 4 }',
      "num_beams: expected 1 or null, since other values need computations that are not implemented, got 4. Pass ignore",
    ],
    ["{ cut short", "generation_config.json: the whole file: expected a JSON object in UTF-8"],
    ["[1]", "generation_config.json: the whole file: expected a JSON object in UTF-8, got it is a list"],
    ["", "generation_config.json: the whole file"],
  ])("a generation config of %s is no matter of loading, and refused when it is to generate", async (text, message) => {
    const files = filesOf(golden("mixtral/basic"));
    const saved = await loadModel(filesOf(golden("mixtral/basic")));
    files.set("generation_config.json", new Blob([text]));
    const model = await loadModel(files);
    await expect(generateTokens(model, [[1, 2]], { maxNewTokens: 2 }).next()).rejects.toThrow(message);
    const options = { maxNewTokens: 2, defaults: {} };
    expect(await generateTokens(model, [[1, 2]], options).next()).toEqual(
      await generateTokens(saved, [[1, 2]], options).next(),
    );
    for (const one of [model, saved]) one.dispose();
  });

  test("the sample model writes text, from its folder and from a page's files", async () => {
    const options = { maxNewTokens: 8, temperature: 0 };
    const texts: string[] = [];
    for (const source of [SAMPLE, filesOf(SAMPLE)]) {
      const model = await loadModel(source);
      const tokenizer = await loadTokenizer(source);
      texts.push((await generateText(model, tokenizer, "It was", options)).text);
      model.dispose();
    }
    expect(texts[0]).toMatch(/\w+ \w+/);
    expect(texts[1]).toBe(texts[0]);
  });
});

describe("an error for", () => {
  test("weights that an engine does not hold, before any is looked for", async () => {
    const published = configOnly("Mixtral-8x7B-v0.1");
    await expect(loadModel(published, { engine: "wasm" })).rejects.toThrow(ModelTooLargeError);
    await expect(loadModel(published, { engine: "wasm" })).rejects.toThrow(
      /^config\.json: expected weights of at most 4\.00 GiB on the engine "wasm" \(WebAssembly .*\), got 34\d\.\d\d GiB\. Use an engine or a machine without this limit, or a smaller model, or try anyway with checkMemory: false\.$/,
    );
    const free = vi.spyOn(process, "availableMemory").mockReturnValue(8 * 2 ** 30);
    await expect(loadModel(published, { engine: "cpu" })).rejects.toThrow(
      'config.json: expected weights of at most 8.00 GiB on the engine "cpu" (the free memory of this machine), got 17',
    );
    free.mockRestore();
    // Past the check it is the files that are missing.
    await expect(loadModel(published, { engine: "cpu", checkMemory: false })).rejects.toThrow(
      "the map of files: expected model.safetensors or model.safetensors.index.json, got neither.",
    );
  });

  test("weights with a head that the config ties, and that is another in the file", async () => {
    const names = ["config.json", "model.safetensors"];
    const untied = new Map(
      names.map((name) => [name, new Uint8Array(readFileSync(`${golden("mixtral/basic")}/${name}`))]),
    );
    const config = JSON.parse(new TextDecoder().decode(untied.get("config.json"))) as object;
    untied.set("config.json", new TextEncoder().encode(JSON.stringify({ ...config, tie_word_embeddings: true })));
    const { parameters } = await inspectModel(untied);
    const free = vi.spyOn(process, "availableMemory");
    try {
      free.mockReturnValue(4 * parameters.total - 1);
      await expect(loadModel(untied, { engine: "cpu", onWarning: () => {} })).rejects.toThrow(ModelTooLargeError);
      free.mockReturnValue(4 * parameters.total);
      (await loadModel(untied, { engine: "cpu", onWarning: () => {} })).dispose();
    } finally {
      free.mockRestore();
    }
  });

  test.runIf(HAS_NATIVE)(
    "quantised weights that native decodes; those that it multiplies as they are stored need not fit",
    async () => {
      await useEngine("native");
      const free = vi.spyOn(process, "availableMemory").mockReturnValue(1);
      try {
        await expect(loadModel(fixture("quantized/fp8"), { onWarning: () => {} })).rejects.toThrow(
          /expected decoded weights of at most 0\.00 GiB \(the free memory of this machine\), got .*: fp8 is decoded to float32 on this engine/,
        );
        (await loadModel(fileURLToPath(new URL("__fixtures__/gguf/qwen3moe.Q8_0.gguf", import.meta.url)))).dispose();
      } finally {
        free.mockRestore();
      }
    },
  );

  test.runIf(HAS_NATIVE)("weights that native would read into memory; those that it maps need not fit", async () => {
    const checkpoint = golden("mixtral/bfloat16");
    const { parameters } = await inspectModel(checkpoint);
    const free = vi.spyOn(process, "availableMemory");
    try {
      await useEngine("native", { mmap: false });
      free.mockReturnValue(2 * parameters.total - 1);
      await expect(loadModel(checkpoint)).rejects.toThrow(ModelTooLargeError);
      // Kept as they are in the file, two bytes each.
      free.mockReturnValue(2 * parameters.total);
      (await loadModel(checkpoint)).dispose();
      await useEngine("native");
      free.mockReturnValue(1);
      (await loadModel(checkpoint)).dispose();
    } finally {
      free.mockRestore();
    }
  });

  test("an engine that does not exist", async () => {
    const name = "abacus" as "cpu";
    await expect(loadModel(golden("mixtral/basic"), { engine: name })).rejects.toThrow(
      'useEngine: expected one of auto, native, tensorflow, webgpu, wasm, cpu, got "abacus".',
    );
  });

  test("a folder without config", async () => {
    const nothing = join(golden("mixtral"), "nothing");
    await expect(loadModel(nothing)).rejects.toThrow(CheckpointError);
    await expect(loadModel(nothing)).rejects.toThrow(
      `${nothing}/config.json: expected a file, got none. A checkpoint in Hugging Face format has config.json beside its safetensors.`,
    );
  });

  test("the name of a model on the Hub: nothing is downloaded", async () => {
    const way =
      'if arcee-ai/Trinity-Mini is on huggingface.co, "hf download arcee-ai/Trinity-Mini --local-dir arcee-ai/Trinity-Mini" gets its files.';
    await expect(loadModel("arcee-ai/Trinity-Mini")).rejects.toThrow(
      `arcee-ai/Trinity-Mini/config.json: expected a file, got none. A checkpoint in Hugging Face format has config.json beside its safetensors. Nothing is downloaded here: ${way}`,
    );
    await expect(loadTokenizer("arcee-ai/Trinity-Mini")).rejects.toThrow(`Nothing is downloaded here: ${way}`);
    for (const path of ["./arcee-ai/Trinity-Mini", "/arcee-ai", "../arcee-ai", "arcee-ai", "a/b/c"])
      await expect(loadModel(path), path).rejects.toThrow(/safetensors\.$/);
  });

  test("tensors that the config does not ask for, and those that it does, all at once", async () => {
    const fewer = withConfig("mixtral/basic", { num_local_experts: 3, vocab_size: 90 });
    const error: unknown = await loadModel(fewer, { engine: "cpu" }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    const { message } = error as CheckpointError;
    expect(message).toMatch(/^the files: expected the tensors of its config, got 14 issues:\n/);
    expect(message).toContain("  model.embed_tokens.weight is [97,32] and should be [90,32]\n");
    expect(message).toContain("  lm_head.weight is [97,32] and should be [90,32]\n");
    expect(message).toContain("  model.layers.0.block_sparse_moe.gate.weight is [4,32] and should be [3,32]\n");
    expect(message).toContain("  unexpected model.layers.2.block_sparse_moe.experts.3.w2.weight\n");
  });

  test("NaN in the weights, on request", async () => {
    const files = new Map<string, Blob | Uint8Array>(filesOf(golden("mixtral/basic")));
    const bytes = Uint8Array.from(readFileSync(join(golden("mixtral/basic"), "model.safetensors")));
    // The last four bytes of the file are the last number of its last tensor.
    bytes.set([0, 0, 0xc0, 0x7f], bytes.length - 4);
    files.set("model.safetensors", bytes);
    (await loadModel(files, { engine: "cpu" })).dispose();
    await withoutLeak(() =>
      expect(loadModel(files, { checkFinite: true })).rejects.toThrow(
        "model.norm.weight: expected finite numbers, got NaN at element 31 of [32]. The checkpoint is damaged, or training " +
          "diverged before it was saved.",
      ),
    );
  });

  test("a checkpoint without tokenizer", async () => {
    for (const source of [golden("mixtral/basic"), filesOf(golden("mixtral/basic"))]) {
      await expect(loadTokenizer(source)).rejects.toThrow(TokenizerError);
      await expect(loadTokenizer(source)).rejects.toThrow("expected a file tokenizer.json");
    }
  });
});
