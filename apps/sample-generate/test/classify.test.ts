import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tokenizerFiles } from "@mixtape/command-line";
import { loadModel } from "@mixtape/mixtape";
import { readHeadGolden } from "@mixtape/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fails, fixture, golden, json, run, SAMPLE } from "./command.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mixtape-classify-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Classified {
  readonly task: string;
  readonly problemType: string | null;
  readonly results: readonly {
    readonly label: string;
    readonly score: number;
    readonly labels: readonly { readonly label: string; readonly score: number }[];
  }[];
}

/** The sample model with a new head, and its tokenizer. */
async function withHead(task: "text-classification" | "token-classification" | "question-answering"): Promise<string> {
  const path = join(folder, task);
  const config = { id2label: { 0: "good", 1: "bad", 2: "neither" }, padTokenId: 0 };
  const model = await loadModel(SAMPLE, { engine: "cpu", task, config, onWarning: () => {} });
  await model.savePretrained(path, { files: await tokenizerFiles(SAMPLE) });
  model.dispose();
  return path;
}

describe("probabilities are those of the golden logits", () => {
  test.each([
    [
      "sequence-single-label",
      (logits: readonly number[]) => {
        const sum = logits.reduce((total, one) => total + Math.exp(one), 0);
        return logits.map((one) => Math.exp(one) / sum);
      },
    ],
    ["sequence-multi-label", (logits: readonly number[]) => logits.map((one) => 1 / (1 + Math.exp(-one)))],
    ["sequence-regression-several", (logits: readonly number[]) => [...logits]],
  ] as const)("%s", async (name, expected) => {
    const source = fixture(`heads/qwen3-moe/${name}`);
    const { inputs, outputs } = await readHeadGolden(source);
    const { shape, values } = outputs.get("logits")!;
    for (const [row, ids] of inputs.inputIds.entries()) {
      const own = ids.filter((_, at) => inputs.attentionMask![row]![at] === 1);
      const args = ["--model", source, "--prompt-ids", own.join(","), "--engine", "cpu"];
      const { task, results } = await json<Classified>("classify", ...args);
      expect(task).toBe("text-classification");
      const scores = expected([...values.subarray(row * shape[1]!, (row + 1) * shape[1]!)]);
      for (const { label, score } of results[0]!.labels)
        expect(score).toBeCloseTo(scores[Number(label.replace("LABEL_", ""))]!, 4);
      expect(results[0]!.labels).toHaveLength(scores.length);
    }
  });
});

test("labels of texts, from flags, a file and standard input", async () => {
  const model = await withHead("text-classification");
  const texts = ["It was a fine morning.", "What a mess, said the old man to the boy who had come late."];
  const file = join(folder, "texts.txt");
  writeFileSync(file, `${texts.join("\n\n")}\n`);
  const args = ["--model", model, "--engine", "cpu"];
  const { results } = await json<Classified>("classify", ...args, "--text", ...texts);
  expect(results.map(({ labels }) => labels.map(({ label }) => label).sort())).toEqual(
    texts.map(() => ["bad", "good", "neither"]),
  );
  for (const { labels, label, score } of results) {
    expect(labels[0]).toEqual({ label, score });
    expect(labels.reduce((sum, one) => sum + one.score, 0)).toBeCloseTo(1, 6);
  }
  expect((await json<Classified>("classify", ...args, "--file", file)).results).toEqual(results);
  const { stdout } = await run(["classify", ...args, "--file", file, "--top", "2"]);
  expect(stdout.split("\n")[0]).toMatch(/^0\.\d{4} \w+ {2}0\.\d{4} \w+ {2}It was a fine morning\.$/);
  // Each text by itself, as rows of one length are.
  const alone = await json<Classified>("classify", ...args, "--text", texts[0]!);
  for (const [i, { score }] of alone.results[0]!.labels.entries())
    expect(score).toBeCloseTo(results[0]!.labels[i]!.score, 5);
});

test("labels of tokens, which are parts of the text", async () => {
  const model = await withHead("token-classification");
  const text = "It was a fine morning.";
  const args = ["--model", model, "--engine", "cpu", "--text", text];
  const { results } = await json<{
    results: { tokens: { start: number; end: number; text: string; label: string; score: number }[] }[];
  }>("classify", ...args);
  const { tokens } = results[0]!;
  expect(tokens.map((token) => token.text).join("")).toBe(text);
  for (const token of tokens) expect(token.score).toBeGreaterThanOrEqual(1 / 3 - 1e-6);
  expect((await run(["classify", ...args])).stdout.trim().split("\n")).toHaveLength(tokens.length);
  await fails(2, /--prompt-ids has no text/, "classify", "--model", model, "--prompt-ids", "5,6");
});

test("answers to a question, which are parts of the text", async () => {
  const model = await withHead("question-answering");
  const text = "It rained, and Ann was late.";
  const args = ["--model", model, "--engine", "cpu", "--text", text];
  const { results } = await json<{
    results: { answer: string; answers: { answer: string; start: number; end: number; score: number }[] }[];
  }>("classify", ...args, "--question", "Who was late?", "--top", "3");
  expect(results[0]!.answers).toHaveLength(3);
  for (const { answer, start, end } of results[0]!.answers) expect(answer).toBe(text.slice(start, end));
  expect(results[0]!.answer).toBe(results[0]!.answers[0]!.answer);
  await fails(2, /expected --question TEXT/, "classify", ...args);
});

describe("an error for", () => {
  test("a model that writes text", () =>
    fails(
      1,
      /expected a model with a head of classification or question answering, got MixtralForCausalLM\. Train one/,
      "classify",
      "--model",
      golden("mixtral/basic"),
      "--prompt-ids",
      "5,6",
    ));

  test("no texts", () => fails(2, /expected texts: --text TEXT, --file FILE/, "classify", "--model", SAMPLE));

  test("a question to a classifier", () =>
    fails(
      2,
      /--question is for models that answer questions/,
      ...["classify", "--model", fixture("heads/mixtral/tokens"), "--prompt-ids", "5", "--question", "Who?"],
    ));
});
