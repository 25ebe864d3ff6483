import { fileURLToPath } from "node:url";
import { Tokenizer } from "@mixtape/tokenizer";
import { beforeAll, describe, expect, test } from "vitest";
import {
  DataError,
  type ReadLabelledOptions,
  readQuestionDataset,
  readSequenceDataset,
  readTokenDataset,
} from "../src/index.js";

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.fromFolder(fileURLToPath(new URL("../../../models/sample-afmoe", import.meta.url)));
});

const lines = (...rows: readonly (object | string)[]) => {
  const text = rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n");
  return new Blob([text]).stream() as never;
};
const named = (more: Partial<ReadLabelledOptions> = {}) => ({ name: "rows.jsonl", ...more });

describe("texts with labels", () => {
  const read = (rows: readonly (object | string)[], more?: Partial<ReadLabelledOptions>) =>
    readSequenceDataset(lines(...rows), tokenizer, named(more));

  test("names are sorted to classes, numbers are classes", async () => {
    const names = await read([
      { text: "fine", label: "good" },
      { text: "a mess", label: "bad" },
    ]);
    expect(names).toMatchObject({ id2label: { 0: "bad", 1: "good" }, problemType: "single_label_classification" });
    expect(names.examples).toEqual([
      { inputIds: tokenizer.encode("fine"), label: 1 },
      { inputIds: tokenizer.encode("a mess"), label: 0 },
    ]);
    const numbers = await read([
      { text: "a", label: 2 },
      { text: "b", label: 0 },
    ]);
    expect(numbers).toMatchObject({ id2label: { 0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2" } });
    const given = await read([{ text: "a", label: "b" }], { id2label: { 0: "b", 1: "a" } });
    expect(given).toMatchObject({ id2label: { 0: "b", 1: "a" }, examples: [{ label: 0 }] });
  });

  test("lists are several labels at once, and numbers with a point are numbers", async () => {
    const many = await read([
      { text: "a", labels: ["x", "y"] },
      { text: "b", labels: ["y"] },
      { text: "c", labels: [] },
    ]);
    expect(many.problemType).toBe("multi_label_classification");
    expect(many.examples.map(({ label }) => label)).toEqual([
      [1, 1],
      [0, 1],
      [0, 0],
    ]);
    const flags = await read(['{"text": "a", "labels": [1.0, 0.0, 1.0]}']);
    expect(flags).toMatchObject({ problemType: "multi_label_classification", examples: [{ label: [1, 0, 1] }] });
    const stars = await read(['{"text": "a", "label": 4.0}', '{"text": "b", "label": 2.5}']);
    expect(stars).toMatchObject({ problemType: "regression", examples: [{ label: [4] }, { label: [2.5] }] });
    const pairs = await read(['{"text": "a", "labels": [4.0, -1.5]}']);
    expect(pairs).toMatchObject({ problemType: "regression", id2label: { 1: "LABEL_1" } });
  });

  test("longer texts are cut, and counted", async () => {
    const { examples, warnings } = await read([{ text: "one two three four five six", label: 1 }], { maxLength: 3 });
    expect(examples[0]!.inputIds).toHaveLength(3);
    expect(warnings).toEqual(["rows.jsonl: line 1: cut to 3 tokens"]);
  });

  test("what is wrong is named", async () => {
    const refused = (rows: readonly (object | string)[], message: string, more?: Partial<ReadLabelledOptions>) =>
      expect(read(rows, more)).rejects.toThrow(message);
    await refused(
      [{ text: "a" }],
      'line 1: expected {"text": …, "label": …} or {"text": …, "labels": […]}, got no label',
    );
    await refused(
      [{ text: "a", label: 0, split: "x" }],
      'got the keys "split". If they are not needed for training, pass ignoreKeys',
    );
    await refused([{ text: "", label: 0 }], "line 1: text: expected a text, got an empty text");
    await refused([{ text: "a", label: {} }], "line 1: label: expected a label: a name or a number, got an object");
    await refused(
      [
        { text: "a", label: "x" },
        { text: "a", labels: ["x"] },
      ],
      "line 2: expected one label, like other rows",
    );
    await refused([{ text: "a", label: "c" }], 'expected one of b, a, got "c"', { id2label: { 0: "b", 1: "a" } });
    await refused([{ text: "a", label: -1 }], "line 1: label: expected a class from 0 to");
    const two = (label: unknown) => [
      { text: "a", label: 0 },
      { text: "b", label },
    ];
    await refused(two("good"), 'rows.jsonl: labels: expected names or numbers of classes, not both, got "good" and 0');
    await refused(two(3_000_000_000), "rows.jsonl: labels: expected numbers of classes below 100000, got 3000000000");
    await refused([{ text: "a", label: "x" }], 'rows.jsonl: labels: expected at least two classes, got only "x"');
    await refused([], "rows.jsonl: expected texts with labels, got an empty file");
    await refused(["{"], "no JSON");
    await expect(readSequenceDataset(lines("text"), tokenizer, { name: "a.txt" })).rejects.toThrow(DataError);
  });
});

describe("words with labels", () => {
  const read = (...rows: object[]) => readTokenDataset(lines(...rows), tokenizer, named());

  test("the last token of a word has its label", async () => {
    const words = ["Incomprehensible", "Ann", "was", "late."];
    const { examples, id2label } = await read({ tokens: words, ner_tags: ["O", "PER", -100, "O"] });
    expect(id2label).toEqual({ 0: "O", 1: "PER" });
    const { inputIds, labels } = examples[0]!;
    expect(inputIds).toEqual(tokenizer.encode(words.join(" ")));
    const marked = inputIds.flatMap((_, i) =>
      labels[i] === -100 ? [] : [[tokenizer.decode(inputIds.slice(0, i + 1)), labels[i]]],
    );
    expect(marked).toEqual([
      ["Incomprehensible", 0],
      ["Incomprehensible Ann", 1],
      ["Incomprehensible Ann was late.", 0],
    ]);
    expect(labels.length).toBe(inputIds.length);
  });

  test("what is wrong is named", async () => {
    await expect(read({ tokens: ["a", "b"], labels: [0] })).rejects.toThrow(
      "line 1: expected 2 labels, one for each word, got 1",
    );
    await expect(read({ tokens: [], labels: [] })).rejects.toThrow("line 1: tokens: expected a list of words");
    await expect(read({ tokens: ["a"] })).rejects.toThrow("got no labels");
  });
});

describe("questions", () => {
  const read = (rows: readonly object[], more?: Partial<ReadLabelledOptions>) =>
    readQuestionDataset(lines(...rows), tokenizer, named(more));
  const question = "Who was late?";

  test("the tokens of the answer are found, with characters counted as in Python", async () => {
    const context = "𝄞 It rained, and Ann was late.";
    // In Python, where 𝄞 is one character: context.index("Ann")
    const answers = { text: ["Ann"], answer_start: [17] };
    const { examples, warnings } = await read([{ id: "1", question, context, answers }]);
    expect(warnings).toEqual([]);
    const { inputIds, start, end } = examples[0]!;
    expect(tokenizer.decode(inputIds.slice(start, end + 1)).trim()).toBe("Ann");
    expect(tokenizer.decode(inputIds)).toBe(`${question}\n${context}`);
    const listed = await read([{ question, context, answers: [{ text: "Ann", answer_start: 17 }] }]);
    expect(listed.examples).toEqual(examples);
  });

  test("without an answer the first token is the label, and one that is cut off is left out", async () => {
    const none = await read([{ question, context: "It rained.", answers: { text: [], answer_start: [] } }]);
    expect(none.examples[0]).toMatchObject({ start: 0, end: 0 });
    const row = { question, context: "It rained, and Ann was late.", answers: { text: ["Ann"], answer_start: [15] } };
    const short = await read([{ question, context: "It rained." }, row], { maxLength: 8 });
    expect(short.examples).toHaveLength(1);
    expect(short.warnings.at(-1)).toBe("rows.jsonl: line 2: the answer is beyond the length of a row, left out");
    await expect(read([row], { maxLength: 8 })).rejects.toThrow("expected an answer within the length of a row");
  });

  test("an answer that is not there is refused", async () => {
    const answers = { text: ["Ann"], answer_start: [3] };
    await expect(read([{ question, context: "It rained.", answers }])).rejects.toThrow(
      'line 1: answers: expected "Ann" at character 3 of the context, got "rai". answer_start counts characters from 0',
    );
  });
});
