import { encodeSafetensors, openSafetensors } from "@mixtape/safetensors";
import { memory, tidy } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CheckpointError, type LoadWarning, loadParameters, type WeightMapping } from "../src/index.js";
import { sourceOf, WatchedBytes, zerosToWrite } from "./support/sources.js";
import { TinyForCausalLM, tiny, tinyFamily, tinyOf, useCpu, withoutLeak } from "./support/tiny.js";

const TINY_NAMES = tinyFamily.names as readonly WeightMapping[];

let model: TinyForCausalLM;
beforeAll(async () => {
  await useCpu();
  model = await tiny();
});
afterAll(() => model.dispose());

const logits = (of: TinyForCausalLM) => tidy(() => Array.from(of.forward({ inputIds: [[1, 2, 3]] }).logits.dataSync()));

test("a model that is loaded is the one that was saved", async () => {
  await withoutLeak(async () => {
    const copy = new TinyForCausalLM(tinyOf());
    await loadParameters(copy, await sourceOf(model), TINY_NAMES);
    expect(logits(copy)).toEqual(logits(model));
    copy.dispose();
  });
});

test("experts that are stacked on disk, gate and up as one, are taken apart", async () => {
  const stacked = await sourceOf(model, (all) => {
    const others = all.filter(({ name }) => !name.includes(".experts."));
    const prefix = "model.layers.1.mlp.experts";
    const parts = (names: string[]) =>
      Promise.all(
        names
          .map((name) => all.find((one) => one.name === name)!.bytes)
          .map((b) => (typeof b === "function" ? b() : b)),
      );
    const join = async (names: string[]) => Buffer.concat(await parts(names));
    const each = (suffixes: string[]) => [0, 1, 2].flatMap((e) => suffixes.map((s) => `${prefix}.${e}.${s}.weight`));
    return [
      ...others,
      { name: `${prefix}.gate_up_proj`, dtype: "F32", shape: [3, 4, 4], bytes: () => join(each(["w1", "w3"])) },
      { name: `${prefix}.down_proj`, dtype: "F32", shape: [3, 4, 2], bytes: () => join(each(["w2"])) },
    ];
  });
  const copy = new TinyForCausalLM(tinyOf());
  await loadParameters(copy, stacked, TINY_NAMES);
  expect(logits(copy)).toEqual(logits(model));
  copy.dispose();
});

describe("strictness", () => {
  const faultsOf = async (...change: Parameters<typeof sourceOf> extends [unknown, ...infer Rest] ? Rest : never) => {
    const source = await sourceOf(model, ...change);
    return withoutLeak(async () => {
      const error: unknown = await loadParameters(new TinyForCausalLM(tinyOf()), source, TINY_NAMES, {
        where: "tiny",
      }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(CheckpointError);
      return (error as Error).message;
    });
  };

  test("everything that is missing, unexpected or of another shape is in one error", async () => {
    const message = await faultsOf((all) => [
      ...all
        .filter(({ name }) => !["model.norm.weight", "model.layers.1.mlp.experts.2.w3.weight"].includes(name))
        .map((one) => {
          if (one.name === "lm_head.weight") return zerosToWrite(one.name, [4, 11]);
          return one.name.endsWith("experts.0.w2.weight") ? zerosToWrite(one.name, [2, 4]) : one;
        }),
      zerosToWrite("model.layers.2.input_layernorm.weight", [4]),
      zerosToWrite("model.layers.1.mlp.experts.3.w1.weight", [2, 4]),
    ]);
    expect(message).toBe(`tiny: expected the tensors of its config, got 5 issues:
  missing model.layers.1.mlp.experts.2.w3.weight
  missing model.norm.weight
  model.layers.1.mlp.experts.0.w2.weight is [2,4] and should be [4,2]
  lm_head.weight is [4,11] and should be [11,4]
  unexpected model.layers.1.mlp.experts.3.w1.weight
The checkpoint is incomplete, or its config belongs to another.`);
  });

  test("the same is told without loading anything, each name once", async () => {
    const changed = await sourceOf(model, (all) => [
      ...all.filter(({ name }) => !/experts.*w[13]|model.norm/.test(name)),
      zerosToWrite("model.layers.1.mlp.experts.gate_up_proj", [3, 2, 4]),
      zerosToWrite("more", [1]),
    ]);
    expect(new TinyForCausalLM(tinyOf()).matchTensors(changed)).toMatchObject({
      faults: {
        missing: ["model.norm.weight"],
        unexpected: [],
        misshaped: [{ name: "model.layers.1.mlp.experts.gate_up_proj", shape: [3, 2, 4], expected: [3, 4, 4] }],
      },
      unused: ["more"],
      renamed: [],
    });
    const whole = await sourceOf(model);
    expect(model.matchTensors(whole).faults).toEqual({ missing: [], unexpected: [], misshaped: [] });
  });

  test.each<[string, Parameters<typeof faultsOf>[0], string]>([
    [
      "a prefix",
      (all) => all.map((one) => ({ ...one, name: `module.${one.name}` })),
      'The names in the file begin with "module.", which transformers does not remove either. Remove it in Python: save_file(',
    ],
    [
      "the prefix of peft",
      (all) => all.map((one) => ({ ...one, name: `base_model.model.${one.name}` })),
      "They come from a peft model: merge and save it there",
    ],
    [
      "an adapter inside",
      (all) => all.map((one) => ({ ...one, name: one.name.replace("q_proj.weight", "q_proj.base_layer.weight") })),
      "The checkpoint contains an adapter that was not merged",
    ],
    ["no head", (all) => all.filter(({ name }) => name !== "lm_head.weight"), "set tie_word_embeddings to true"],
    [
      "another head",
      (all) => [...all.filter(({ name }) => name !== "lm_head.weight"), zerosToWrite("score.weight", [2, 4])],
      "The checkpoint has another head, score.weight: it cannot generate text.",
    ],
    [
      "a layer less",
      (all) => all.filter(({ name }) => !name.startsWith("model.layers.1.")),
      "All of them are of layer 1: a file of the checkpoint is missing, or num_hidden_layers in config.json belongs to another checkpoint.",
    ],
    [
      "another vocabulary",
      (all) => all.map((one) => (/embed_tokens|lm_head/.test(one.name) ? zerosToWrite(one.name, [13, 4]) : one)),
      "The file has 13 tokens: set vocab_size in config.json to that",
    ],
    [
      "quantised weights",
      (all) => [...all, zerosToWrite("model.layers.0.self_attn.q_proj.weight_scale_inv", [1, 1])],
      "The weights are quantised in a way that config.json does not describe.",
    ],
    [
      "names of Mistral's own",
      () => [zerosToWrite("tok_embeddings.weight", [11, 4]), zerosToWrite("layers.0.attention.wq.weight", [4, 4])],
      "These are the names of Mistral's own format.",
    ],
    [
      "shared experts that the config does not have",
      (all) => [...all, zerosToWrite("model.layers.1.mlp.shared_experts.up_proj.weight", [2, 4])],
      "All of them are of experts",
    ],
  ])("%s: the message says so, and the way out", async (_, change, expected) => {
    expect(await faultsOf(change)).toContain(expected);
  });

  test("what nothing asks for is left out, and names without the prefix are found, with warnings", async () => {
    const source = await sourceOf(model, (all) => [
      ...all.map((one) => ({ ...one, name: one.name.replace(/^model\./, "") })),
      zerosToWrite("layers.0.self_attn.rotary_emb.inv_freq", [1]),
      zerosToWrite("layers.1.self_attn.rotary_emb.inv_freq", [1]),
      zerosToWrite("a\nb", [1]),
    ]);
    const warnings: LoadWarning[] = [];
    const copy = new TinyForCausalLM(tinyOf());
    await loadParameters(copy, source, TINY_NAMES, {
      where: "tiny",
      onWarning: (warning) => warnings.push(warning),
    });
    expect(logits(copy)).toEqual(logits(model));
    copy.dispose();
    expect(warnings.map(({ kind, names }) => [kind, names.length])).toEqual([
      ["unused-tensors", 3],
      ["renamed-tensors", source.names.length - 4],
    ]);
    expect(warnings[0]!.message).toBe(
      'tiny: 3 tensors that the model does not have, skipped: "a\\nb", layers.*.self_attn.rotary_emb.inv_freq (2)',
    );
  });

  test("experts in both spellings are not a choice", async () => {
    const message = await faultsOf((all) => [
      ...all,
      zerosToWrite("model.layers.1.mlp.experts.gate_up_proj", [3, 4, 4]),
    ]);
    expect(message).toContain("got 1 issue:\n  unexpected model.layers.1.mlp.experts.gate_up_proj\n");
  });

  test("a stack of another shape is named with the shape of the whole", async () => {
    const message = await faultsOf((all) => [
      ...all.filter(({ name }) => !/experts.*w[13]/.test(name)),
      zerosToWrite("model.layers.1.mlp.experts.gate_up_proj", [3, 2, 4]),
    ]);
    expect(message).toContain("\n  model.layers.1.mlp.experts.gate_up_proj is [3,2,4] and should be [3,4,4]\n");
  });

  test("nothing is read of a checkpoint that does not fit", async () => {
    const bytes = new WatchedBytes(await encodeSafetensors([zerosToWrite("model.norm.weight", [4])]));
    const source = await openSafetensors(bytes);
    const { length } = bytes.reads;
    await expect(loadParameters(new TinyForCausalLM(tinyOf()), source, [])).rejects.toThrow("issues");
    expect(bytes.reads).toHaveLength(length);
  });
});

test("each byte is read once, one read at a time, and the peak is the model plus one tensor", async () => {
  const file = await encodeSafetensors([...model.tensorsToWrite()]);
  const before = memory().numBytes;
  let peak = 0;
  const bytes = new WatchedBytes(file, (length) => {
    peak = Math.max(peak, memory().numBytes - before + length);
  });
  const source = await openSafetensors(bytes);
  const header = bytes.reads.length;
  peak = 0;
  const copy = new TinyForCausalLM(tinyOf());
  await loadParameters(copy, source, TINY_NAMES, {
    onProgress: () => {
      peak = Math.max(peak, memory().numBytes - before);
    },
  });
  const reads = bytes.reads.slice(header).sort((a, b) => a.offset - b.offset);
  expect(reads.map(({ others }) => others)).toEqual(reads.map(() => 0));
  // From the first tensor to the end of the file without a hole and without an overlap.
  let end = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
  for (const { offset, length } of reads) {
    expect(offset).toBe(end);
    end += length;
  }
  expect(end).toBe(file.length);

  const params = [...model.namedParameters()].map(([, { size }]) => 4 * size);
  const whole = params.reduce((sum, size) => sum + size, 0);
  expect(memory().numBytes - before).toBe(whole);
  expect(peak).toBeLessThanOrEqual(whole + Math.max(...params));
  copy.dispose();
});

test("progress counts the bytes of the checkpoint", async () => {
  const seen: number[] = [];
  const copy = new TinyForCausalLM(tinyOf());
  const total = [...model.namedParameters()].reduce((sum, [, { size }]) => sum + 4 * size, 0);
  await loadParameters(copy, await sourceOf(model), TINY_NAMES, {
    onProgress: ({ loadedBytes, totalBytes }) => {
      expect(totalBytes).toBe(total);
      seen.push(loadedBytes);
    },
  });
  expect(seen).toHaveLength([...model.namedParameters()].length);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen.at(-1)).toBe(total);
  copy.dispose();
});

test("onMatch sees all parameters before any is read, and refuses them by throwing", async () => {
  const source = await sourceOf(model);
  const names = [...model.namedParameters()].map(([name]) => name);
  const seen: string[] = [];
  let read = 0;
  await withoutLeak(async () => {
    const copy = new TinyForCausalLM(tinyOf());
    const loading = loadParameters(copy, source, TINY_NAMES, {
      onProgress: () => read++,
      onMatch: (jobs) => {
        seen.push(...jobs.map(({ name }) => name));
        throw new Error("too many");
      },
    });
    await expect(loading).rejects.toThrow("too many");
  });
  expect(seen.toSorted()).toEqual(names.toSorted());
  expect(read).toBe(0);
});

test("an abort stops between two parameters and leaves nothing", async () => {
  const source = await sourceOf(model);
  await withoutLeak(async () => {
    const controller = new AbortController();
    const copy = new TinyForCausalLM(tinyOf());
    let loaded = 0;
    const loading = loadParameters(copy, source, TINY_NAMES, {
      signal: controller.signal,
      onProgress: () => {
        if (++loaded === 3) controller.abort(new Error("enough"));
      },
    });
    await expect(loading).rejects.toThrow("enough");
    expect(loaded).toBe(3);
    expect([...copy.namedParameters()].some(([, param]) => param.isLoaded)).toBe(false);
  });
});

describe("checkFinite", () => {
  const spoiled = (name: string, value: number, element: number) =>
    sourceOf(model, (all) =>
      all.map((one) => {
        if (one.name !== name) return one;
        const bytes = async () => {
          const own = typeof one.bytes === "function" ? await one.bytes() : one.bytes;
          const copy = Uint8Array.from(own);
          new DataView(copy.buffer).setFloat32(4 * element, value, true);
          return copy;
        };
        return { ...one, bytes };
      }),
    );
  const load = async (name: string, value: number, element: number, checkFinite: boolean) => {
    const source = await spoiled(name, value, element);
    const copy = new TinyForCausalLM(tinyOf());
    try {
      await loadParameters(copy, source, TINY_NAMES, { checkFinite });
    } finally {
      copy.dispose();
    }
  };

  test.each([
    ["model.layers.1.mlp.experts.1.w2.weight", Number.NaN, 3, "got NaN at element 3 of [4,2]"],
    ["lm_head.weight", -Infinity, 0, "got -Infinity at element 0 of [11,4]"],
  ])("names %s", async (name, value, element, message) => {
    await expect(load(name, value, element, true)).rejects.toThrow(`${name}: expected finite numbers, ${message}. The`);
    await load(name, value, element, false);
  });

  test("passes what is finite", async () => {
    const copy = new TinyForCausalLM(tinyOf());
    await loadParameters(copy, await sourceOf(model), TINY_NAMES, { checkFinite: true });
    expect(logits(copy)).toEqual(logits(model));
    copy.dispose();
  });
});
