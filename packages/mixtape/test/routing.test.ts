import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import {
  banExperts,
  combineObservers,
  type ForCausalLM,
  forceExperts,
  generateTokens,
  loadModel,
  type RoutingObserver,
  RoutingRecorder,
  type RoutingTrace,
  replayRouting,
} from "../src/index.js";

const PROMPTS = [[5, 6, 7], [1, 2, 3, 4, 5], [9]];

async function write(model: ForCausalLM, routing?: RoutingObserver, maxNewTokens = 8): Promise<number[][]> {
  const ids: number[][] = PROMPTS.map(() => []);
  const options = { maxNewTokens, eosTokenId: null, padTokenId: 0, routing };
  for await (const { row, id } of generateTokens(model, PROMPTS, options)) ids[row]!.push(id);
  return ids;
}

async function recorded(
  model: ForCausalLM,
  run: (recorder: RoutingRecorder) => Promise<void>,
): Promise<RoutingTrace[]> {
  const recorder = new RoutingRecorder();
  try {
    await run(recorder);
    return await recorder.read(model.config.numHiddenLayers);
  } finally {
    recorder.dispose();
  }
}

onEachEngine(() => {
  test.each(["mixtral/basic", "qwen3-moe/basic", "afmoe/basic"])(
    "%s: the routing of generated tokens is that of one pass over the text, and may be replayed and constrained",
    async (name) => {
      await withoutLeak(async () => {
        const model = await loadModel(fixture(`models/${name}`));
        const free = await write(model);
        let ids: number[][] = [];
        const traces = await recorded(model, async (recorder) => {
          ids = await write(model, recorder);
        });
        expect(ids).toEqual(free);
        // The last token never goes through the model.
        expect(traces.map(({ tokens }) => tokens)).toEqual(PROMPTS.map(({ length }) => length + 7));
        const moe = model.config.mlpLayerTypes.map((type) => type === "sparse");
        for (const [row, prompt] of PROMPTS.entries()) {
          const text = [...prompt, ...ids[row]!.slice(0, -1)];
          const [whole] = await recorded(model, async (recorder) => {
            dispose(model.forward({ inputIds: [text], routing: recorder, outputRouterLogits: false }));
          });
          expect(traces[row]).toEqual(whole);
          for (const [i, expert] of whole!.indices.entries())
            expect(expert >= 0).toBe(moe[Math.floor(i / whole!.slots) % whole!.layers]);
        }
        expect(await write(model, replayRouting(traces))).toEqual(free);

        const banned = traces[0]!.indices.find((expert) => expert >= 0)!;
        const others = await recorded(model, async (recorder) => {
          await write(model, combineObservers([banExperts([banned]), recorder]));
        });
        for (const { indices } of others) expect(indices.includes(banned)).toBe(false);
        const forced = await recorded(model, async (recorder) => {
          await write(
            model,
            combineObservers([forceExperts([0], { layers: [model.config.numHiddenLayers - 1] }), recorder]),
          );
        });
        for (const { tokens, layers, slots, indices } of forced)
          for (let token = 0; token < tokens; token++) expect(indices[((token + 1) * layers - 1) * slots]).toBe(0);
        model.dispose();
      });
    },
  );

  test("more tokens than were recorded are refused, and nothing is left behind", async () => {
    await withoutLeak(async () => {
      const model = await loadModel(fixture("models/mixtral/basic"));
      const traces = await recorded(model, async (recorder) => {
        await write(model, recorder, 2);
      });
      await expect(write(model, replayRouting(traces), 4)).rejects.toThrow("routing trace: expected at most");
      await expect(write(model, banExperts([99]))).rejects.toThrow("routing constraint: expected experts from 0 to");
      model.dispose();
    });
  });
});
