/** How many tokens experts were given, of the model's routers and of those of mixtures. */

import type { ForCausalLM } from "@mixtape/decoder";
import { onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AdapterBatch,
  type AdapterConfigInput,
  adapterLosses,
  adaptersOf,
  applyAdapter,
} from "../../src/index.js";
import { loadGoldenModel } from "../support/golden-adapters.js";
import { fillWithNoise } from "../support/noise.js";

const KINDS: Record<string, AdapterConfigInput> = {
  lora: { method: "lora", r: 2, targetModules: ["q_proj"] },
  loramoe: { method: "loramoe", r: 2, numExperts: 3, targetModules: ["down_proj"] },
  mola: { method: "mola", r: 2, numExperts: 3, topK: 2, targetModules: ["q_proj", "down_proj"] },
  mixlora: { method: "mixlora", r: 2, numExperts: 4, topK: 2, targetModules: ["up_proj"] },
  switch: { method: "mixlora-switch", r: 2, numExperts: 3, targetModules: ["up_proj"] },
};
/** Two rows of five tokens, of which the second one has three and padding. */
const batchOf = (adapter: string, seed: number): AdapterBatch => {
  const inputIds = [0, 1].map((row) => Array.from({ length: 5 }, (_, i) => (i * i * 5 + seed * 17 + row * 7 + 3) % 97));
  const attentionMask = [
    [1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0],
  ];
  return { adapter, inputIds, attentionMask, labels: inputIds };
};
const TOKENS = 8;
/** Each token meets so many routed experts of the model. */
const K = 2;

onEachEngine(() => {
  let model: ForCausalLM;
  beforeAll(async () => {
    ({ model } = await loadGoldenModel("mixtral/basic"));
    for (const [i, [name, config]] of Object.entries(KINDS).entries())
      fillWithNoise(await applyAdapter(model, config, { name }), i);
  });
  afterAll(() => {
    for (const name of adaptersOf(model).names) adaptersOf(model).delete(name);
    model.dispose();
  });

  const countsOf = async (batches: readonly AdapterBatch[]): Promise<Record<string, number[]>[]> => {
    const { loss, losses } = adapterLosses(model, batches, { outputExpertCounts: true });
    const read = losses.map(async ({ expertCounts = {} }) => {
      const entries = Object.entries(expertCounts).map(async ([name, counts]) => [name, [...(await counts.data())]]);
      return Object.fromEntries(await Promise.all(entries)) as Record<string, number[]>;
    });
    const counts = await Promise.all(read);
    dispose([loss, losses as never]);
    return counts;
  };

  test("every token is counted once for each expert that it is given, padding is not, and a batch of many is as alone", async () => {
    await withoutLeak(async () => {
      const batches = Object.keys(KINDS).map(batchOf);
      const together = await countsOf(batches);
      const perToken: Record<string, (router: string) => number> = {
        lora: () => K,
        // All experts, by weights whose sum is 1, at each expert of the model that a token meets.
        loramoe: () => K,
        mola: (router) => (!router.startsWith("mola: ") ? K : router.endsWith("q_proj") ? 2 : 2 * K),
        mixlora: () => 2,
        switch: (router) => (router.startsWith("switch: ") ? 1 : K),
      };
      for (const [i, name] of Object.keys(KINDS).entries()) {
        const own = Object.keys(together[i]!).filter((router) => router.startsWith(`${name}: `));
        expect(own.length > 0).toBe(name !== "lora");
        for (const [router, counts] of Object.entries(together[i]!)) {
          const total = counts.reduce((sum, count) => sum + count);
          expect(total, router).toBeCloseTo(TOKENS * perToken[name]!(router), 4);
        }
        const [alone] = await countsOf([batches[i]!]);
        for (const [router, counts] of Object.entries(alone!))
          for (const [expert, count] of counts.entries())
            expect(together[i]![router]![expert]!, `${router}, expert ${expert}`).toBeCloseTo(count, 4);
      }
    });
  });

  test("the model's own are those that its forward pass tells", async () => {
    const batch = batchOf("lora", 3);
    const [counts] = await countsOf([batch]);
    const output = adaptersOf(model).with("lora", () =>
      model.forward({
        inputIds: batch.inputIds.map((row) => [...row]),
        attentionMask: batch.attentionMask!.map((row) => [...row]),
        outputRoutings: true,
      }),
    );
    const mask = batch.attentionMask!.flat();
    const expected = await Promise.all(
      output.routings!.map(async ({ indices }) => {
        const chosen = [...(await indices.data())];
        const experts = model.config as unknown as { numExperts: number };
        return Array.from(
          { length: experts.numExperts },
          (_, expert) => chosen.filter((e, i) => e === expert && mask[Math.floor(i / K)] === 1).length,
        );
      }),
    );
    expect(Object.values(counts!)).toEqual(expected);
    expect(Object.keys(counts!)[0]).toMatch(/^model\.layers\.0\./);
    dispose(output);
  });

  test("nothing is counted unless it is asked for", () => {
    const { loss, losses } = adapterLosses(model, [batchOf("mola", 0)]);
    expect(losses[0]).not.toHaveProperty("expertCounts");
    dispose([loss, losses as never]);
  });
});
