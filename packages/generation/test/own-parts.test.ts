import { useEngine } from "@mixtape/engine";
import { withoutLeak } from "@mixtape/testing";
import { beforeAll, describe, expect, test } from "vitest";
import {
  GenerationError,
  type GenerationOptions,
  generateTokens,
  type LogitsProcessor,
  type PerRow,
  type Sampler,
  type StoppingCriterion,
  streamText,
} from "../src/index.js";
import { all, letters, ScriptedModel, surely, writerOf } from "./scripted-model.js";

beforeAll(async () => {
  await useEngine("cpu");
});

const PROMPTS = [[1, 2], [3]];

/** Likes token 7 best, then 6, 5 and so on. */
const model = (): ScriptedModel => new ScriptedModel(() => Array.from({ length: 16 }, (_, id) => (id <= 7 ? id : -id)));

async function idsOf(options: GenerationOptions, prompts = PROMPTS): Promise<number[][]> {
  const rows: number[][] = prompts.map(() => []);
  for await (const { row, id } of generateTokens(model().model, prompts, options)) rows[row]!.push(id);
  return rows;
}

const processor = (process: LogitsProcessor["process"]): LogitsProcessor => ({ name: "mine", process });
const sampler = (sample: Sampler["sample"]): Sampler => ({ name: "mine", sample });
const criterion = (stop: StoppingCriterion["stop"]): StoppingCriterion => ({ name: "mine", stop });

describe("a logits processor", () => {
  test("sees the row's tokens and changes its logits, in place or by new ones", async () => {
    const seen: string[] = [];
    const noSeven = processor((logits, { row, ids, promptLength }) => {
      seen.push(`${row}: ${ids} (${promptLength})`);
      logits[7] = -Infinity;
    });
    const noSix = processor((logits) => logits.map((logit, id) => (id === 6 ? -Infinity : logit)));
    expect(await idsOf({ maxNewTokens: 2, logitsProcessors: [noSeven, noSix] })).toEqual([
      [5, 5],
      [5, 5],
    ]);
    expect(seen).toEqual(["0: 1,2 (2)", "1: 3 (1)", "0: 1,2,5 (2)", "1: 3,5 (1)"]);
  });

  test("runs after the rules and before what sampling has", async () => {
    const kept: number[][] = [];
    const look = processor((logits) => void kept.push([...logits.keys()].filter((id) => logits[id]! > -Infinity)));
    const options = { maxNewTokens: 1, suppressTokens: [7], logitsProcessors: [look] };
    const after = sampler((logits) => [...logits.keys()].filter((id) => logits[id]! > -Infinity).length);
    expect(await idsOf({ ...options, temperature: 0.5, topK: 3, sampler: after }, [[1]])).toEqual([[3]]);
    expect(kept).toEqual([[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15]]);
  });

  test("with state is built for each row and each call", async () => {
    const built: number[] = [];
    const once: PerRow<LogitsProcessor> = {
      name: "once",
      forRow({ row }) {
        built.push(row);
        const used: number[] = [];
        return processor((logits, { ids, promptLength }) => {
          if (ids.length > promptLength) used.push(ids.at(-1)!);
          for (const id of used) logits[id] = -Infinity;
        });
      },
    };
    const options = { maxNewTokens: 3, logitsProcessors: [once] };
    const expected = [
      [7, 6, 5],
      [7, 6, 5],
    ];
    expect(await idsOf(options)).toEqual(expected);
    expect(await idsOf(options)).toEqual(expected);
    expect(built).toEqual([0, 1, 0, 1]);
  });

  test("does not change the logits of the model, nor those of another row", async () => {
    const rule = processor((logits, { row }) => void (row === 0 && logits.fill(-Infinity).fill(0, 2, 3)));
    const logprobs: number[] = [];
    for await (const token of generateTokens(model().model, PROMPTS, {
      maxNewTokens: 1,
      logitsProcessors: [rule],
      logprobs: 1,
    }))
      logprobs.push(token.id, token.logprobs!.top[0]!.id);
    expect(logprobs).toEqual([2, 7, 7, 7]);
  });
});

describe("a sampler", () => {
  test("gets processed logits and the row's random numbers, and has the last word", async () => {
    const random = sampler((_, rng) => Math.floor(16 * rng.uniform()));
    const options = { maxNewTokens: 8, seed: 3, suppressTokens: [0], sampler: random };
    const [first, second] = await idsOf(options);
    expect(await idsOf(options)).toEqual([first, second]);
    expect(await idsOf(options, [[9, 9, 9]])).toEqual([first]);
    expect(second).not.toEqual(first);
    const ruledOut = sampler(() => 0);
    expect(await idsOf({ ...options, maxNewTokens: 1, sampler: ruledOut }, [[1]])).toEqual([[0]]);
  });
});

test("a part that keeps its row sees the tokens of each step, and may keep the lists", async () => {
  const lists: (readonly number[])[] = [];
  const look: PerRow<StoppingCriterion> = {
    name: "look",
    forRow: (row) => criterion(() => lists.push(row.ids) > 2),
  };
  await idsOf({ maxNewTokens: 3, stoppingCriteria: [look] }, [[1, 2]]);
  expect(lists).toEqual([
    [1, 2, 7],
    [1, 2, 7, 7],
    [1, 2, 7, 7, 7],
  ]);
});

describe("stopping criteria", () => {
  test("end each row alone, and the first that says so is named", async () => {
    const three = { name: "three", stop: ({ row, ids }) => row === 0 && ids.length === 3 } satisfies StoppingCriterion;
    const four = { name: "four", stop: ({ ids }) => ids.length >= 4 } satisfies StoppingCriterion;
    const tokens = await all(generateTokens(model().model, PROMPTS, { stoppingCriteria: [three, four] }));
    expect(tokens).toEqual([
      { row: 0, id: 7, finishReason: "stop", stopReason: "three" },
      { row: 1, id: 7 },
      { row: 1, id: 7 },
      { row: 1, id: 7, finishReason: "stop", stopReason: "four" },
    ]);
  });

  test("have no say at an end token, and come before the length", async () => {
    const never = criterion(() => {
      throw new Error("asked");
    });
    const eos = { maxNewTokens: 2, eosTokenId: 7, stoppingCriteria: [never] };
    expect(await all(generateTokens(model().model, [[1]], eos))).toEqual([{ row: 0, id: 7, finishReason: "eos" }]);
    const options = { maxNewTokens: 1, stoppingCriteria: [criterion(() => true)] };
    const [token] = await all(generateTokens(model().model, [[1]], options));
    expect(token).toMatchObject({ finishReason: "stop", stopReason: "mine" });
  });

  test("have no text without a tokenizer", async () => {
    const texts: unknown[] = [];
    const look = criterion(({ text }) => texts.push(text) > 1);
    await idsOf({ stoppingCriteria: [look] }, [[1]]);
    expect(texts).toEqual([undefined, undefined]);
  });
});

describe("an error names the part and the row, and nothing leaks", () => {
  const secondRow = <T>(row: { readonly row: number }, wrong: T, right: T): T => (row.row === 1 ? wrong : right);
  const cases: [string, GenerationOptions, string][] = [
    [
      "a processor that throws",
      {
        logitsProcessors: [
          processor((_, row) => {
            if (row.row === 1) throw new TypeError("no such token");
          }),
        ],
      },
      'logits processor "mine", row 1: expected a result, got the error TypeError: no such token.',
    ],
    [
      "NaN",
      { logitsProcessors: [processor((logits, row) => logits.fill(secondRow(row, Number.NaN, 1)))] },
      'logits processor "mine", row 1: expected numbers, and −∞ to rule out a token, got NaN for token 0.',
    ],
    [
      "infinity",
      { logitsProcessors: [processor((logits) => logits.fill(Infinity, 4, 5))] },
      'logits processor "mine", row 0: expected numbers, and −∞ to rule out a token, got Infinity for token 4.',
    ],
    [
      "every token ruled out",
      { logitsProcessors: [processor((logits) => logits.fill(-Infinity))] },
      'logits processor "mine", row 0: expected at least one token that can be chosen, got −∞ for every token.',
    ],
    [
      "logits of another vocabulary",
      { logitsProcessors: [processor((logits) => logits.slice(1))] },
      'logits processor "mine", row 0: expected 16 logits, got 15.',
    ],
    [
      "logits of another type",
      { logitsProcessors: [processor((logits) => [...logits] as never)] },
      'logits processor "mine", row 0: expected a Float32Array, or nothing if it changed the logits in place, got an array.',
    ],
    [
      "doubles",
      { logitsProcessors: [processor((logits) => Float64Array.from(logits) as never)] },
      "got a Float64Array.",
    ],
    [
      "a processor that changes the ids",
      { logitsProcessors: [processor((_, row) => void (row.ids as number[]).push(1))] },
      'logits processor "mine", row 0: expected a result, got the error TypeError: ',
    ],
    [
      "a sampler that changes the ids",
      { sampler: sampler((_, __, row) => ((row.ids as number[]).length = 0)) },
      'sampler "mine", row 0: expected a result, got the error TypeError: ',
    ],
    [
      "a criterion that changes the ids",
      { stoppingCriteria: [criterion((row) => (row.ids as number[]).reverse()[0] === 7)] },
      'stopping criterion "mine", row 0: expected a result, got the error TypeError: ',
    ],
    [
      "a factory that changes the row",
      { sampler: { name: "factory", forRow: (row) => Object.assign(row, { done: true }) as never } },
      'sampler "factory", row 0: expected a result, got the error TypeError: ',
    ],
    [
      "a Promise",
      { logitsProcessors: [processor((async () => {}) as never)] },
      "got a Promise. process is called between two tokens: it cannot wait.",
    ],
    [
      "a factory that throws",
      {
        logitsProcessors: [
          {
            name: "factory",
            forRow: ({ row }) => {
              throw new Error(`row ${row}`);
            },
          },
        ],
      },
      'logits processor "factory", row 0: expected a result, got the error Error: row 0.',
    ],
    [
      "a factory of something else",
      { stoppingCriteria: [{ name: "factory", forRow: () => ({ name: "x" }) as never }] },
      'stopping criterion "factory", row 0: expected an object with the method stop from forRow, got a value of type object.',
    ],
    [
      "a sampler beyond the vocabulary",
      { sampler: sampler((_, __, row) => secondRow(row, 16, 15)) },
      'sampler "mine", row 1: expected a token id below 16, got the number 16.',
    ],
    [
      "a sampler of fractions",
      { sampler: sampler(() => 1.5) },
      'sampler "mine", row 0: expected a token id below 16, got the number 1.5.',
    ],
    [
      "a sampler that returns nothing",
      { sampler: sampler(() => undefined as never) },
      'sampler "mine", row 0: expected a token id below 16, got undefined.',
    ],
    [
      "a criterion that answers something else",
      { stoppingCriteria: [criterion((async () => false) as never)] },
      'stopping criterion "mine", row 0: expected true or false, got a Promise.',
    ],
  ];

  test.each(cases)("%s", async (_, options, message) => {
    await withoutLeak(async () => {
      const error = await idsOf({ maxNewTokens: 3, ...options }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(GenerationError);
      expect((error as Error).message).toContain(message);
    });
  });

  test("the error that was thrown is the cause", async () => {
    const cause = new RangeError("mine");
    const options = {
      sampler: sampler(() => {
        throw cause;
      }),
    };
    const error = (await idsOf(options).catch((thrown: unknown) => thrown)) as Error;
    expect(error.cause).toBe(cause);
  });

  test("breaking out of a stream with parts of one's own frees all", async () => {
    await withoutLeak(async () => {
      const options = {
        logitsProcessors: [processor(() => {})],
        stoppingCriteria: [criterion(() => false)],
        sampler: sampler((logits) => logits.indexOf(Math.max(...logits))),
        logprobs: 2,
      };
      const { model: writer } = writerOf("lemonade", 1);
      for await (const { id } of streamText(writer, letters(), "a", options)) if (id === 12) break;
    });
  });
});

test("a batch of texts shows each criterion its own text", async () => {
  const writer = new ScriptedModel((ids) => surely((ids.at(-1)! + 1) % 15, 16));
  const stop = { name: "ef", stop: ({ text }) => text?.endsWith("ef") ?? false } satisfies StoppingCriterion;
  const pieces = await all(streamText(writer.model, letters(), ["a", "cd"], { stoppingCriteria: [stop] }));
  const texts = [0, 1].map((row) => pieces.filter((piece) => piece.row === row).map(({ text }) => text));
  expect(texts.map((own) => own.join(""))).toEqual(["bcdef", "ef"]);
});
