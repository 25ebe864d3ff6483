/** Labelled tokens, by masks and spans. */

import { expect, test } from "vitest";
import { assistantMask, completionMask, learntParts, maskLabels, TrainingError, truncate } from "../src/index.js";

test("labels are the ids where every mask says so", () => {
  expect(maskLabels([5, 6, 7])).toEqual([5, 6, 7]);
  expect(maskLabels([5, 6, 7], [0, 1, 1])).toEqual([-100, 6, 7]);
  expect(maskLabels([5, 6, 7], [0, 1, 1], [true, true, false])).toEqual([-100, 6, -100]);
  expect(() => maskLabels([5, 6, 7], [1])).toThrow(TrainingError);
  expect(() => maskLabels([5, 6, 7], [1])).toThrow("maskLabels: expected a mask of 3 tokens, got 1.");
});

const marked = (offsets: [number, number][], spans: [number, number][]): number[] =>
  assistantMask(
    offsets,
    spans.map(([start, end]) => ({ start, end })),
  ).map(Number);

test("a span reaches from the token with its first character to the one with its last", () => {
  const words: [number, number][] = [
    [0, 3],
    [3, 7],
    [7, 11],
    [11, 12],
  ];
  expect(marked(words, [[3, 11]])).toEqual([0, 1, 1, 0]);
  expect(
    marked(words, [
      [0, 3],
      [11, 12],
    ]),
  ).toEqual([1, 0, 0, 1]);
  // A token that a span only touches is the span's.
  expect(marked(words, [[5, 8]])).toEqual([0, 1, 1, 0]);
  expect(marked(words, [[7, 7]])).toEqual([0, 0, 0, 0]);
  expect(marked([], [[0, 3]])).toEqual([]);
});

test("a character of several tokens: transformers' char_to_token takes the first", () => {
  const tokens: [number, number][] = [
    [0, 1],
    [1, 3],
    [1, 3],
    [1, 3],
    [3, 4],
  ];
  expect(marked(tokens, [[1, 4]])).toEqual([0, 1, 1, 1, 1]);
  expect(marked(tokens, [[0, 3]])).toEqual([1, 1, 0, 0, 0]);
});

test("characters that no token holds: the next token, and the one before", () => {
  // "ab  cd  ef", without its spaces
  const tokens: [number, number][] = [
    [0, 2],
    [4, 6],
    [8, 10],
  ];
  expect(marked(tokens, [[2, 6]])).toEqual([0, 1, 0]);
  expect(marked(tokens, [[4, 8]])).toEqual([0, 1, 0]);
  expect(marked(tokens, [[2, 8]])).toEqual([0, 1, 0]);
  expect(marked(tokens, [[2, 4]])).toEqual([0, 0, 0]);
  expect(marked(tokens, [[10, 12]])).toEqual([0, 0, 0]);
});

test("a completion begins where the whole differs from the prompt alone", () => {
  expect(completionMask([1, 2], [1, 2, 3, 4])).toEqual({ mask: [false, false, true, true], lost: 0 });
  expect(completionMask([1, 2, 9], [1, 2, 3, 4])).toEqual({ mask: [false, false, true, true], lost: 1 });
  expect(completionMask([1, 2, 3], [1, 2])).toEqual({ mask: [false, false], lost: 1 });
});

test("what is over goes on in another row, or is dropped and counted", () => {
  const inputIds = [1, 2, 3, 4, 5];
  const none = { examples: 0, tokens: 0, labels: 0, emptied: 0 };
  expect(truncate([{ inputIds }], 5)).toEqual({
    rows: [{ inputIds, labels: inputIds, overflow: "split" }],
    truncation: none,
  });
  const split = truncate([{ inputIds }], 2);
  // The last piece is one token, which has no labels.
  expect(split.rows.map((row) => row.inputIds)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(split.truncation).toEqual(none);
  const dropped = truncate(
    [
      { inputIds, labels: [-100, 2, -100, 4, 5], overflow: "drop" },
      { inputIds, labels: [-100, -100, -100, 4, 5], overflow: "drop" },
      { inputIds: [1, 2], overflow: "drop" },
    ],
    3,
  );
  expect(dropped.rows.map((row) => row.labels)).toEqual([
    [-100, 2, -100],
    [1, 2],
  ]);
  expect(dropped.truncation).toEqual({ examples: 2, tokens: 4, labels: 4, emptied: 1 });
});

test("labelled and unlabelled parts of a text", () => {
  const letters = { decode: (ids: Iterable<number>) => String.fromCharCode(...ids) };
  const inputIds = [..."abcdef"].map((letter) => letter.charCodeAt(0));
  const labels = inputIds.map((id, i) => ([0, 2, 3, 5].includes(i) ? id : -100));
  // The first token of a text is not learnt, whatever its label.
  expect(learntParts({ inputIds, labels }, letters)).toEqual([
    { text: "ab", isLearnt: false },
    { text: "cd", isLearnt: true },
    { text: "e", isLearnt: false },
    { text: "f", isLearnt: true },
  ]);
  const bytes = { decode: (ids: Iterable<number>) => new TextDecoder().decode(Uint8Array.from(ids)) };
  const pear = [...new TextEncoder().encode("a🍐b")];
  expect(learntParts({ inputIds: pear, labels: pear.map((id, i) => (i < 3 ? -100 : id)) }, bytes)).toEqual([
    { text: "a", isLearnt: false },
    { text: "🍐b", isLearnt: true },
  ]);
});
