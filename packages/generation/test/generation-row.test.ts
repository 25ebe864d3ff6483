import { useEngine } from "@mixtape/engine";
import { expect, test } from "vitest";
import {
  type GeneratedToken,
  type GenerationOptions,
  GenerationRow,
  generateTokens,
  resolveOptions,
} from "../src/index.js";
import { all, ScriptedModel } from "./scripted-model.js";

/** Logits that depend on the last token. */
const script = (ids: readonly number[]): number[] =>
  Array.from({ length: 16 }, (_, id) => 3 * Math.sin(id * (ids.at(-1)! + 1)));
const model = () => new ScriptedModel(script, { eosTokenId: 4 });

/** Drives rows one after the other, each to its end. */
function drive(row: GenerationRow): GeneratedToken[] {
  const tokens: GeneratedToken[] = [];
  while (!row.done) tokens.push(row.next(Float32Array.from(script(row.ids))));
  return tokens;
}

test.each<GenerationOptions>([
  { temperature: 0, maxNewTokens: 9 },
  { temperature: 1.2, topP: 0.9, seed: 5, repetitionPenalty: 1.4, logprobs: 2 },
  { temperature: 0, eosTokenId: null, stoppingCriteria: [{ name: "five", stop: ({ ids }) => ids.length === 5 }] },
])("rows driven alone give the tokens of generateTokens: %o", async (options) => {
  await useEngine("cpu");
  const prompts = [[1, 2], [3, 9, 11], [7]];
  const together = await all(generateTokens(model().model, prompts, options));
  const resolved = resolveOptions(options, model());
  const alone = prompts.map((prompt, row) => drive(new GenerationRow(row, prompt, resolved)));
  expect(alone).toEqual(prompts.map((_, row) => together.filter((token) => token.row === row)));
});

test("rows of different options share nothing, however their steps are mixed", () => {
  const options = [{ temperature: 0 }, { temperature: 1, seed: 3 }, { temperature: 1, seed: 3, topK: 2 }];
  const rowsOf = () =>
    options.map((one) => new GenerationRow(0, [2], resolveOptions({ ...one, maxNewTokens: 8 }, model())));
  const alone = rowsOf().map(drive);
  const rows = rowsOf();
  const mixed: GeneratedToken[][] = rows.map(() => []);
  const scratch = new Float32Array(16);
  while (rows.some(({ done }) => !done))
    for (const [i, row] of rows.entries())
      if (!row.done) mixed[i]!.push(row.next(Float32Array.from(script(row.ids)), scratch));
  expect(mixed).toEqual(alone);
});

test("the prompt's list is not touched", () => {
  const prompt = [1, 2];
  const row = new GenerationRow(0, prompt, resolveOptions({ maxNewTokens: 2, eosTokenId: null }, model()));
  drive(row);
  expect(prompt).toEqual([1, 2]);
  expect([row.ids.length, row.promptLength, row.newTokens]).toEqual([4, 2, 2]);
});

test.each<[options: GenerationOptions, logit: number, advice: string]>([
  [
    { suppressTokens: [...Array(16).keys()] },
    1,
    'Change options.suppressTokens, or pass ignore: ["suppress_tokens"] if generation_config.json sets it.',
  ],
  [
    { repetitionPenalty: 1e-9, sequenceBias: [[[1], 2]] },
    1e37,
    'Change options.repetitionPenalty, or change options.sequenceBias, or pass ignore: ["repetition_penalty","sequence_bias"] if generation_config.json sets it.',
  ],
])("no token that can be chosen: the error names the options that are set: %j", (options, logit, advice) => {
  const row = new GenerationRow(0, [1], resolveOptions({ maxNewTokens: 2, ...options }, model()));
  expect(() => row.next(new Float32Array(16).fill(logit))).toThrow(advice);
});
