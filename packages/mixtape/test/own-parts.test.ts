/** Processors, stopping criteria and log-probabilities in whole models, as transformers has them. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { generationConfig } from "@mixtape/config";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { describe, expect, test } from "vitest";
import { type GeneratedToken, type GenerationOptions, generateTokens, loadModel } from "../src/index.js";
import { golden } from "./files.js";
import { ownCriteria, ownProcessors, replay } from "./own-rules.js";

type Kind = "logits" | "scores";

interface Run {
  readonly model: string;
  readonly name: string;
  readonly prompts: number[][];
  /** As in `generation_config.json`. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly processors: string[];
  readonly criteria: string[];
  /** Of each prompt token but the first: its log-probability, then the likeliest tokens. */
  readonly prompt_logprobs: readonly (readonly [number, ...[id: number, logprob: number][]])[][];
  readonly rows: readonly {
    readonly ids: number[];
    readonly finish_reason: string;
    readonly stop_reason: string | null;
    readonly logprobs: Readonly<Record<Kind, number[]>>;
    readonly top: Readonly<Record<Kind, [id: number, logprob: number][][]>>;
  }[];
}

const { runs, max_new_tokens: maxNewTokens } = JSON.parse(
  gunzipSync(readFileSync(fixture("generation.json.gz"))).toString(),
) as {
  readonly runs: readonly Run[];
  readonly max_new_tokens: number;
};
const TOLERANCE = 1e-4;

function optionsOf({ options, processors, criteria, rows }: Run, of: Kind): GenerationOptions {
  return {
    maxNewTokens,
    defaults: generationConfig.parse({ top_k: 0, pad_token_id: 0, ...options }),
    logitsProcessors: ownProcessors(processors),
    stoppingCriteria: ownCriteria(criteria),
    logprobs: { top: 5, of },
    promptLogprobs: 5,
    // torch's random numbers are its own: what it sampled is chosen here, from scores that must be the same.
    ...(options.do_sample === true && { sampler: replay(rows.map(({ ids }) => ids)) }),
  };
}

/** Tokens by row. */
async function write(...args: Parameters<typeof generateTokens>): Promise<GeneratedToken[][]> {
  const rows: GeneratedToken[][] = args[1].map(() => []);
  for await (const token of generateTokens(...args)) rows[token.row]!.push(token);
  return rows;
}

function expectLogprobs(tokens: readonly GeneratedToken[], { logprobs, top }: Run["rows"][number], of: Kind): void {
  for (const [step, { id, logprobs: own }] of tokens.entries()) {
    const where = `${of}, step ${step}`;
    expect(own!.id, where).toBe(id);
    expect(Math.abs(own!.logprob - logprobs[of][step]!), where).toBeLessThan(TOLERANCE);
    const wanted = top[of][step]!;
    for (const [place, [likely, logprob]] of wanted.entries()) {
      expect(Math.abs(own!.top[place]!.logprob - logprob), `${where}, place ${place}`).toBeLessThan(TOLERANCE);
      const isAlone = wanted.every(([other, near]) => other === likely || Math.abs(near - logprob) > TOLERANCE);
      if (isAlone) expect(own!.top[place]!.id, `${where}, place ${place}`).toBe(likely);
    }
  }
}

function expectPromptLogprobs({ promptLogprobs }: GeneratedToken, wanted: Run["prompt_logprobs"][number]): void {
  expect(promptLogprobs).toHaveLength(wanted.length + 1);
  expect(promptLogprobs![0]).toBeNull();
  for (const [i, [logprob, ...top]] of wanted.entries()) {
    const own = promptLogprobs![i + 1]!;
    expect(Math.abs(own.logprob - logprob)).toBeLessThan(TOLERANCE);
    for (const [place, [, likely]] of top.entries())
      expect(Math.abs(own.top[place]!.logprob - likely)).toBeLessThan(TOLERANCE);
  }
}

onEachEngine(() => {
  describe.each([...new Set(runs.map(({ model }) => model))])("%s", (name) => {
    test.each(runs.filter(({ model }) => model === name))("$name, as transformers generates", async (run) => {
      const model = await loadModel(golden(name));
      await withoutLeak(async () => {
        for (const of of ["logits", "scores"] as const) {
          const rows = await write(model, run.prompts, optionsOf(run, of));
          for (const [r, tokens] of rows.entries()) {
            const wanted = run.rows[r]!;
            expect(tokens.map(({ id }) => id)).toEqual(wanted.ids);
            expect(tokens.at(-1)).toMatchObject({ finishReason: wanted.finish_reason });
            expect(tokens.at(-1)!.stopReason ?? null).toBe(wanted.stop_reason);
            expectLogprobs(tokens, wanted, of);
            expectPromptLogprobs(tokens[0]!, run.prompt_logprobs[r]!);
          }
        }
      });
      model.dispose();
    });
  });
});

test("rows of a padded batch have the same rules as rows of equal length", async () => {
  const run = runs.find(({ name }) => name === "total-or-repeated")!;
  const model = await loadModel(golden(run.model));
  const rows = await write(model, [...run.prompts, [1, 2, 3, 4, 5, 6, 7]], optionsOf(run, "scores"));
  expect(rows.slice(0, 3).map((tokens) => tokens.map(({ id }) => id))).toEqual(run.rows.map(({ ids }) => ids));
  for (const [r, wanted] of run.rows.entries()) {
    expectLogprobs(rows[r]!, wanted, "scores");
    expectPromptLogprobs(rows[r]![0]!, run.prompt_logprobs[r]!);
  }
  model.dispose();
});
