import { join } from "node:path";
import { expect, test } from "vitest";
import { fixture, goldenNames, readGolden } from "../src/index.js";

const FAMILIES = ["afmoe", "mixtral", "qwen3-moe"];

test.each(FAMILIES)("%s has its goldens, spelled fused and in shards too", (family) => {
  expect(goldenNames(fixture(`models/${family}`))).toEqual(
    expect.arrayContaining([
      "basic",
      "basic-fused",
      "basic-sharded",
      "bfloat16",
      "left-padded",
      "right-padded",
      "window",
    ]),
  );
});

test.each(["deepseek-v3", "gpt-oss", "olmoe", "qwen2-moe", "qwen3-next"])("%s has its goldens", async (family) => {
  const folder = fixture(`models/${family}`);
  const names = goldenNames(folder);
  expect(names).toEqual(expect.arrayContaining(["basic", "basic-sharded", "bfloat16", "left-padded", "right-padded"]));
  for (const name of names) {
    const { case: about, inputs, outputs } = await readGolden(join(folder, name));
    const [rows, length] = [inputs.inputIds.length, inputs.inputIds[0]!.length];
    expect(outputs.get("logits")!.shape).toEqual([rows, length, 61]);
    const routed = [...outputs.keys()].filter((key) => key.startsWith("router_logits"));
    expect(routed).toEqual(about.expertLayers.map((_, i) => `router_logits.${i}`));
    expect(outputs.has("aux_loss")).toBe(family !== "deepseek-v3");
  }
});

test("inputs, outputs and text of a case", async () => {
  const golden = await readGolden(fixture("models/afmoe/left-padded"));
  const { inputIds, labels, attentionMask, positionIds } = golden.inputs;
  const [rows, length] = [inputIds.length, inputIds[0]!.length];
  expect(golden.outputs.get("logits")!.shape).toEqual([rows, length, 97]);
  expect(golden.outputs.get("logits")!.values).toHaveLength(rows * length * 97);
  expect(golden.outputs.get("loss")!.shape).toEqual([]);
  expect([...golden.outputs.keys()].filter((name) => name.startsWith("hidden_states"))).toHaveLength(3);
  expect([...golden.outputs.keys()]).not.toContain("input_ids");
  expect(labels.map((row) => row.length)).toEqual(inputIds.map((row) => row.length));
  expect(new Set(attentionMask!.flat())).toEqual(new Set([0, 1]));
  // A left-padded row begins with padding.
  expect(attentionMask!.some((row) => row[0] === 0 && row.at(-1) === 1)).toBe(true);
  expect(positionIds?.length ?? rows).toBe(rows);
  expect(golden.case).toMatchObject({ weights: "float32", expertLayers: [0, 1] });
  expect(golden.greedy!.ids.map((row) => row.length)).toEqual(golden.greedy!.promptIds.map(() => 64));
});

test("a checkpoint that is only spelled differently shares the golden files of the other", async () => {
  const folder = fixture("models/mixtral");
  const basic = await readGolden(join(folder, "basic"));
  const fused = await readGolden(join(folder, "basic-fused"));
  expect(fused).toEqual({ ...basic, folder: join(folder, "basic-fused") });
});

test("a folder that is missing is named, with what writes it", () => {
  const folder = fixture("models/no-family");
  expect(() => goldenNames(folder)).toThrow(`${folder}: expected a folder of golden checkpoints, got none. `);
  expect(() => goldenNames(folder)).toThrow("tools/reference/golden_family.py writes it; without Python");
});
