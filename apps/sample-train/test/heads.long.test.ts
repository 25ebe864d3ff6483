/** `sample-train --task`: runs of models with heads. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "@mixtape/command-line/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { fails, GENERATE, sampleTrain, temporaryFolder, trained, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const folder = temporaryFolder();
const fine = ["fine", "good", "happy", "bright"];
const poor = ["bad", "sad", "dark", "poor"];
const texts = [...fine, ...poor].flatMap((word) =>
  ["It was a", "The day is"].map((start) => ({
    text: `${start} ${word} morning`,
    label: fine.includes(word) ? "good" : "bad",
  })),
);
const data = write(folder, "texts.jsonl", texts);
const ARGS = ["--batch-size", "8", "--learning-rate", "0.01", "--precision", "float32", "--schedule", "constant"];

let tiny: string;
beforeAll(async () => {
  tiny = await writeTinyModel(join(folder, "tiny"));
});

async function classified(...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await start(GENERATE, ["classify", ...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return (JSON.parse(stdout) as { results: Record<string, unknown>[] }).results;
}

describe("a classifier of texts", () => {
  test("learns by LoRA, its classes go with the adapter, and classify finds them", async () => {
    const output = join(folder, "lora");
    const args = ["--model", tiny, "--task", "text-classification", "--data", data, "--eval", data, ...ARGS];
    const result = await trained(...args, "--target", "all-linear", "--steps", "60", "--output", output);
    expect(result.evalAfter!.default!).toBeLessThan(result.evalBefore!.default! / 2);
    expect(result).toMatchObject({ scoresAfter: { accuracy: 1, f1: 1 } });
    expect(JSON.parse(readFileSync(join(output, "adapter_config.json"), "utf8"))).toMatchObject({
      task_type: "SEQ_CLS",
      modules_to_save: ["classifier", "score"],
    });
    expect(JSON.parse(readFileSync(join(output, "config.json"), "utf8"))).toMatchObject({
      architectures: ["AfmoeForSequenceClassification"],
      id2label: { 0: "bad", 1: "good" },
      problem_type: "single_label_classification",
    });
    const words = texts.slice(0, 2).concat(texts.slice(-2));
    const found = await classified("--model", tiny, "--adapter", output, "--text", ...words.map(({ text }) => text));
    expect(found.map(({ label }) => label)).toEqual(words.map(({ label }) => label));
    // A run that goes on has the losses of one that was never stopped.
    const longer = await trained("--resume", "--output", output, "--steps", "62");
    expect(longer).toMatchObject({ steps: 62, scoresAfter: { accuracy: 1 } });
  });

  test("learns in full, and goes on from what it was with its own classes", async () => {
    const output = join(folder, "full");
    const args = ["--task", "text-classification", "--data", data, ...ARGS, "--method", "full", "--steps", "12"];
    const { stdout, code } = await sampleTrain(["--model", tiny, ...args, "--eval", data, "--output", output]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/accuracy +\d\.\d{4} before, \d\.\d{4} after/);
    expect(stdout).toContain(`sample-generate classify --model ${output} --text …`);
    expect(JSON.parse(readFileSync(join(output, "config.json"), "utf8"))).toMatchObject({
      architectures: ["AfmoeForSequenceClassification"],
      label2id: { bad: 0, good: 1 },
    });
    const one = write(folder, "one.jsonl", [{ text: "It was a fine morning", label: "good" }]);
    const again = join(folder, "again");
    const more = ["--model", output, "--task", "text-classification", "--data", one, ...ARGS, "--steps", "1"];
    expect((await trained(...more, "--output", again)).steps).toBe(1);
    expect(JSON.parse(readFileSync(join(again, "config.json"), "utf8")).id2label).toEqual({ 0: "bad", 1: "good" });
    const odd = write(folder, "odd.jsonl", [{ text: "It was a fine morning", label: "neither" }]);
    await fails(
      1,
      /line 1: label: expected one of bad, good, got "neither"/,
      ...["--model", output, "--task", "text-classification", "--data", odd, "--output", join(folder, "none")],
    );
  });
});

test("a token classifier and a question answerer learn, with and without texts held out", async () => {
  const words = fine.map((word) => ({ tokens: ["It", "was", word], labels: ["O", "O", "MOOD"] }));
  const tags = write(folder, "tags.jsonl", words);
  const tagger = join(folder, "tagger");
  const tagging = ["--model", tiny, "--task", "token-classification", "--data", tags, "--eval", tags, ...ARGS];
  const learnt = await trained(...tagging, "--steps", "20", "--method", "full", "--output", tagger);
  expect(learnt).toMatchObject({ scoresAfter: { accuracy: expect.any(Number), f1: expect.any(Number) } });
  expect(learnt.evalAfter!.model!).toBeLessThan(learnt.evalBefore!.model!);
  const [found] = await classified("--model", tagger, "--text", "It was fine");
  expect((found!.tokens as { label: string }[]).map(({ label }) => label).at(-1)).toBe("MOOD");

  const context = "It rained, and Ann was late.";
  const rows = [{ question: "Who was late?", context, answers: { text: ["Ann"], answer_start: [15] } }];
  const questions = write(folder, "questions.jsonl", rows);
  const answerer = join(folder, "answerer");
  const asking = ["--model", tiny, "--task", "question-answering", "--data", questions, ...ARGS, "--rank", "4"];
  const all = ["--steps", "60", "--target", "all-linear", "--eval", questions, "--output", answerer];
  expect(await trained(...asking, ...all)).toMatchObject({ scoresAfter: { exactMatch: 1 } });
  const [answer] = await classified(
    ...["--model", tiny, "--adapter", answerer, "--text", context, "--question", "Who was late?"],
  );
  expect((answer!.answer as string).trim()).toBe("Ann");
});
