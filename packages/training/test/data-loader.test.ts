import fc from "fast-check";
import { expect, test } from "vitest";
import { countLabels, countTokens, dataLoader, type Example, TrainingError } from "../src/index.js";

const text = (...inputIds: number[]): Example => ({ inputIds });

test("texts are filled up on the right; the first label of a text is never one", () => {
  const data = dataLoader([text(1, 2, 3), { inputIds: [4, 5], labels: [-100, 6] }], {
    batchSize: 2,
    seed: null,
    padId: 9,
  });
  expect(data.batchesPerEpoch).toBe(1);
  const batch = data.batch(0);
  expect(batch).toEqual({
    inputIds: [
      [1, 2, 3],
      [4, 5, 9],
    ],
    labels: [
      [-100, 2, 3],
      [-100, 6, -100],
    ],
    attentionMask: [
      [1, 1, 1],
      [1, 1, 0],
    ],
  });
  expect([countLabels(batch), countTokens(batch)]).toEqual([3, 5]);
  expect(data.batch(7)).toEqual(batch);
});

test("packed, several share a row: positions begin anew, segments tell them apart", () => {
  const data = dataLoader([text(1, 2, 3), text(4, 5), text(6, 7)], {
    batchSize: 1,
    maxLength: 6,
    pack: true,
    seed: null,
  });
  expect([data.batch(0), data.batch(1)]).toEqual([
    {
      inputIds: [[1, 2, 3, 4, 5]],
      labels: [[-100, 2, 3, -100, 5]],
      positionIds: [[0, 1, 2, 0, 1]],
      documentIds: [[0, 0, 0, 1, 1]],
    },
    { inputIds: [[6, 7]], labels: [[-100, 7]] },
  ]);
});

test("what is longer than a row is cut; a rest of one token teaches nothing", () => {
  const data = dataLoader([text(1, 2, 3, 4, 5)], { batchSize: 4, maxLength: 2, seed: null });
  expect(data.batch(0).inputIds).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test("each epoch has every token once, in an order of its own that the seed decides", () => {
  const examples = fc.array(fc.array(fc.nat(50), { minLength: 2, maxLength: 9 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(examples, fc.integer({ min: 1, max: 4 }), fc.boolean(), fc.nat(1000), (ids, batchSize, pack, seed) => {
      const options = { batchSize, maxLength: 12, pack, seed };
      const texts = ids.map((inputIds) => ({ inputIds }));
      const [data, same] = [dataLoader(texts, options), dataLoader(texts, options)];
      for (const epoch of [0, 3]) {
        const seen: string[] = [];
        for (let i = 0; i < data.batchesPerEpoch; i++) {
          const batch = data.batch(epoch * data.batchesPerEpoch + i);
          expect(same.batch(epoch * data.batchesPerEpoch + i)).toEqual(batch);
          expect(batch.inputIds.length).toBeLessThanOrEqual(batchSize);
          for (const [r, row] of batch.inputIds.entries()) {
            expect(row.length).toBeLessThanOrEqual(12);
            const pieces = new Map<number, number[]>();
            for (const [at, id] of row.entries()) {
              if (batch.attentionMask?.[r]?.[at] === 0) continue;
              const segment = batch.documentIds?.[r]?.[at] ?? 0;
              pieces.set(segment, [...(pieces.get(segment) ?? []), id]);
            }
            seen.push(...[...pieces.values()].map((piece) => piece.join()));
          }
        }
        expect(seen.sort()).toEqual(ids.map((row) => row.join()).sort());
      }
    }),
    { numRuns: 60 },
  );
  const many = Array.from({ length: 20 }, (_, i) => text(i, i));
  const order = (seed: number, epoch: number) => dataLoader(many, { batchSize: 20, seed }).batch(epoch).inputIds;
  expect(order(1, 0)).not.toEqual(order(1, 1));
  expect(order(1, 0)).not.toEqual(order(2, 0));
});

test("no data, or data that teaches nothing, is refused", () => {
  const of =
    (examples: readonly Example[], more = {}) =>
    () =>
      dataLoader(examples, { batchSize: 1, ...more });
  expect(of([])).toThrow(
    "examples: expected a text of at least two tokens with a label other than -100, got no examples",
  );
  expect(of([text(1), { inputIds: [1, 2], labels: [1, -100] }])).toThrow("got none among 2");
  expect(of([{ inputIds: [1, 2], labels: [1] }])).toThrow("examples[0].labels: expected 2, got 1");
  expect(of([text(1, 2)], { batchSize: 0 })).toThrow("batchSize: expected at least 1 row, got 0");
  expect(of([text(1, 2)], { maxLength: 1 })).toThrow("maxLength: expected at least 2 tokens");
  expect(of([text(1, 2)], { pack: true })).toThrow("maxLength: expected a number of tokens to pack rows up to");
  expect(of([])).toThrow(TrainingError);
});
