import { fc, test as property } from "@fast-check/vitest";
import { useEngine } from "@mixtape/engine";
import { expect, test } from "vitest";
import { type GenerationOptions, generateText, generateTokens, streamText } from "../src/index.js";
import { logprobsOf } from "../src/logprobs.js";
import { all, letters, ScriptedModel, writerOf } from "./scripted-model.js";

const logitsOf = fc.array(fc.float({ min: -60, max: 60, noNaN: true }), { minLength: 1, maxLength: 40 });

property.prop([logitsOf, fc.nat({ max: 50 })])("are a log-softmax, and the likeliest come first", (values, top) => {
  const logits = Float32Array.from(values);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  const all = [...logits.entries()].map(([id, logit]) => ({ id, logprob: logit - Math.log(sum) }));
  const found = logprobsOf(logits, 0, top);
  expect(found.logprob).toBeCloseTo(all[0]!.logprob, 10);
  const likeliest = all.toSorted((a, b) => logits[b.id]! - logits[a.id]! || a.id - b.id).slice(0, top);
  expect(found.top.map(({ id }) => id)).toEqual(likeliest.map(({ id }) => id));
  for (const [place, { logprob }] of found.top.entries()) expect(logprob).toBeCloseTo(likeliest[place]!.logprob, 10);
});

test("of equals the lower id comes first, and a token that is ruled out has −∞", () => {
  const logits = Float32Array.of(1, -Infinity, 1, 1);
  expect(logprobsOf(logits, 1, 4)).toEqual({
    id: 1,
    logprob: -Infinity,
    top: [
      { id: 0, logprob: expect.closeTo(-Math.log(3), 12) },
      { id: 2, logprob: expect.closeTo(-Math.log(3), 12) },
      { id: 3, logprob: expect.closeTo(-Math.log(3), 12) },
      { id: 1, logprob: -Infinity },
    ],
  });
});

const model = () => new ScriptedModel(() => [0, 3, 2, 1, ...new Array<number>(12).fill(-9)]);
const first = async (options: GenerationOptions) => {
  await useEngine("cpu");
  return (await all(generateTokens(model().model, [[1]], { maxNewTokens: 1, ...options })))[0]!;
};

test("come with the tokens if asked for, in each way to ask", async () => {
  expect(await first({})).toEqual({ row: 0, id: 1, finishReason: "length" });
  for (const none of [false, null, undefined]) expect(await first({ logprobs: none })).not.toHaveProperty("logprobs");
  expect((await first({ logprobs: true })).logprobs).toEqual({ id: 1, logprob: expect.any(Number), top: [] });
  expect((await first({ logprobs: 0 })).logprobs!.top).toEqual([]);
  expect((await first({ logprobs: 2 })).logprobs!.top.map(({ id }) => id)).toEqual([1, 2]);
  expect((await first({ logprobs: { top: 99 } })).logprobs!.top).toHaveLength(16);
});

test("are the model's, or those after the processors", async () => {
  const options = { suppressTokens: [1], temperature: 0.5, topK: 2, seed: 1 };
  const raw = (await first({ ...options, logprobs: 3 })).logprobs!;
  expect(raw.top.map(({ id }) => id)).toEqual([1, 2, 3]);
  const processed = (await first({ ...options, logprobs: { top: 3, of: "scores" } })).logprobs!;
  // Divided by 0.5, the two logits that are left are 2 apart.
  const sum = Math.log(1 + Math.exp(-2));
  expect(processed.top).toEqual([
    { id: 2, logprob: expect.closeTo(-sum, 6) },
    { id: 3, logprob: expect.closeTo(-2 - sum, 6) },
    { id: 0, logprob: -Infinity },
  ]);
});

test("come with pieces of text, and as a list with a whole text", async () => {
  await useEngine("cpu");
  const pieces = await all(streamText(writerOf("lemon", 1).model, letters(), "a", { logprobs: 1 }));
  expect(pieces.map(({ id, logprobs }) => [id, logprobs!.top[0]!.id])).toEqual(pieces.map(({ id }) => [id, id]));
  const { ids, logprobs } = await generateText(writerOf("lemon", 1).model, letters(), "a", { logprobs: true });
  expect(logprobs!.map(({ id }) => id)).toEqual(ids);
});
