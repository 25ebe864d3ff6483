/** `sample-generate quantize`: what it writes, and what it refuses. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fails, golden, json, run, SAMPLE } from "./command.js";

const scratch = mkdtempSync(join(tmpdir(), "quantize-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const to = (name: string): string => join(scratch, name);

describe("a quantised checkpoint", () => {
  beforeAll(async () => {
    const ended = await run(["quantize", "--model", SAMPLE, "--output", to("int4")]);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toContain("int4, groups of 32  3.61 M weights, in 138 matrices");
    expect(ended.stdout).toContain("6.88 bits per weight");
  });

  test("has the tokenizer, and the config of the model with the quantisation", () => {
    const files = [
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ];
    expect(readdirSync(to("int4")).sort()).toEqual(files);
    const read = (folder: string) =>
      JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
    const { quantization_config, ...config } = read(to("int4"));
    expect(config).toEqual(read(SAMPLE));
    expect(quantization_config).toMatchObject({ quant_method: "compressed-tensors", format: "pack-quantized" });
  });

  test("writes text, and is inspected", async () => {
    const { text } = await json<{ text: string }>(
      ...["generate", "--model", to("int4"), "--prompt", "It was", "--max-new-tokens", "8"],
    );
    expect(text.length).toBeGreaterThan(8);
    const { dtypes } = await json<{ dtypes: Record<string, { tensors: number }> }>("inspect", "--model", to("int4"));
    expect(dtypes["packed-integers"]).toMatchObject({ tensors: 168 });
  });

  test("is not quantised again", async () => {
    await fails(
      1,
      /int4: expected weights in bfloat16, float16 or float32, to be quantised, got \S+ in the format packed-integers\. It is quantised already/,
      ...["quantize", "--model", to("int4"), "--output", to("again")],
    );
    expect(existsSync(to("again"))).toBe(false);
  });
});

test("by a recipe, in shards; flags take precedence over its values", async () => {
  const rules = [
    { modules: ["experts.*.down_proj"], weights: "int8", groupSize: "channel" },
    { modules: ["experts"], weights: "int4" },
  ];
  writeFileSync(to("recipe.json"), JSON.stringify({ groupSize: 32, rules }));
  const { formats, files } = await json<{ formats: Record<string, { matrices: number }>; files: string[] }>(
    ...["quantize", "--model", SAMPLE, "--output", to("mixed"), "--recipe", to("recipe.json")],
    ...["--group-size", "64", "--keep", "layers.2", "--max-shard-size", "2MB"],
  );
  expect(formats).toMatchObject({
    "int4, groups of 64": { matrices: 4 * 8 * 2 },
    "int8, a scale per row": { matrices: 4 * 8 },
  });
  expect(files).toContain("model.safetensors.index.json");
});

describe("refused", () => {
  test("a group size that does not divide, before anything is written", async () => {
    await fails(
      1,
      /^error: model\.layers\.\S+\.weight: expected a group size that divides its 128 columns, got 48\. Use a group size of 128 or 64 or .* or "channel" \(one scale per row\)\.$/,
      ...[
        "quantize",
        "--model",
        SAMPLE,
        "--output",
        to("odd"),
        "--recipe",
        rule("odd.json", "layers.*.experts.0.down_proj", 48),
      ],
    );
    expect(existsSync(to("odd"))).toBe(false);
  });

  test("an output among files, and one in the model's folder", async () => {
    await fails(1, /expected a new or empty folder/, "quantize", "--model", SAMPLE, "--output", SAMPLE);
    const inside = join(golden("mixtral/basic"), "int4");
    await fails(
      1,
      `${inside}: expected a folder outside of the model's, got one in ${golden("mixtral/basic")}. Choose another folder for --output.`,
      ...["quantize", "--model", golden("mixtral/basic"), "--output", inside],
    );
  });

  test("rules that fit no module, and experts that are one tensor", async () => {
    const recipe = rule("none.json", "ffn", 32);
    const args = ["quantize", "--model", SAMPLE, "--output", to("none")];
    await fails(
      1,
      /^error: quantize: expected rules with modules of \S+sample-afmoe, got none of its matrices\./,
      ...args,
      "--recipe",
      recipe,
    );
    await fails(
      1,
      /gate_up_proj: expected a matrix of a module, to be stored as pack-quantized, got \[5, 24, 12\]/,
      ...["quantize", "--model", golden("gpt-oss/basic"), "--output", to("gpt"), "--group-size", "channel"],
    );
  });

  test.each([
    [["--weights", "int5"], /'int5' is invalid\. Allowed choices are int4, int8, fp8\. See --help\.$/],
    [["--group-size", "0"], /Expected a whole number of at least 1\. See --help\.$/],
  ])("%j", async (more, message) => {
    await fails(2, message, "quantize", "--model", SAMPLE, "--output", to("flags"), ...more);
  });
});

function rule(file: string, module: string, groupSize: number): string {
  writeFileSync(to(file), JSON.stringify({ rules: [{ modules: [module], weights: "int4", groupSize }] }));
  return to(file);
}
