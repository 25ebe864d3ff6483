import { join } from "node:path";
import { expect, test } from "vitest";
import { fixture, goldenNames, readHeadGolden } from "../src/index.js";

const FAMILIES = ["afmoe", "mixtral", "qwen3-moe"];
const NAMES = [
  "questions",
  "sequence-multi-label",
  "sequence-no-padding-token",
  "sequence-regression",
  "sequence-regression-several",
  "sequence-right-padded",
  "sequence-single-label",
  "tokens",
];

test.each(FAMILIES)("%s has its goldens of heads", async (family) => {
  const folder = fixture(`heads/${family}`);
  expect(goldenNames(folder)).toEqual(NAMES);
  for (const name of NAMES) {
    const { case: about, inputs, outputs, gradients } = await readHeadGolden(join(folder, name));
    const [rows, length] = [inputs.inputIds.length, inputs.inputIds[0]!.length];
    const logits = outputs.get(name === "questions" ? "end_logits" : "logits")!;
    const wide = about.head === "ForSequenceClassification" ? [rows] : [rows, length];
    expect(logits.shape.slice(0, wide.length)).toEqual(wide);
    expect([...outputs.keys()].filter((key) => key.startsWith("hidden_states"))).toHaveLength(3);
    expect([...gradients.keys()].some((key) => key.startsWith(`${about.prefix}.layers.1.`))).toBe(true);
  }
});

test("labels of each kind", async () => {
  const labels = async (name: string) => (await readHeadGolden(fixture(`heads/mixtral/${name}`))).inputs;
  expect((await labels("sequence-single-label")).labels).toHaveLength(3);
  expect((await labels("sequence-regression")).labels!.every((label) => typeof label === "number")).toBe(true);
  expect((await labels("sequence-regression-several")).labels).toMatchObject([
    { length: 2 },
    { length: 2 },
    { length: 2 },
  ]);
  expect(new Set((await labels("sequence-multi-label")).labels!.flat())).toEqual(new Set([0, 1]));
  expect((await labels("tokens")).labels!.flat()).toContain(-100);
  // One beyond the nine slots, and one before them.
  expect(await labels("questions")).toMatchObject({ startPositions: [2, 12, 1], endPositions: [5, 3, -2] });
});

test("the padding token at the end of a text is not pooled", async () => {
  const { case: about, inputs } = await readHeadGolden(fixture("heads/qwen3-moe/sequence-right-padded"));
  expect(about.pooled).toEqual([8, 4, 3]);
  expect(inputs.attentionMask!.map((row) => row.filter(Boolean).length)).toEqual([9, 6, 4]);
  expect(inputs.inputIds[1]![5]).toBe(3);
});
