import type { DecoderConfig } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import { Experts } from "@mixtape/layers";
import { expertsRuns } from "@mixtape/ops";
import { dispose, type Rank, reshape, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { expect, test, vi } from "vitest";
import { expectAllClose } from "../all-close.js";
import { logitsOf, positions, SAME, sampleText } from "./subject.js";

/** The input and output forms of a forward pass agree. */
export function takesAndGives<C extends DecoderConfig>(model: () => ForCausalLM<C>): void {
  const rows = 2;
  const length = 9;

  test("embeddings give what their ids give", async () => {
    const { config, model: decoder } = model();
    const ids = sampleText(rows, length, config);
    const inputsEmbeds = tidy(() =>
      reshape<Rank.R3>(decoder.embedTokens.forward(tensor1d(ids.flat(), "int32")), [rows, length, config.hiddenSize]),
    );
    const fromEmbeds = await logitsOf(model(), { inputsEmbeds });
    inputsEmbeds.dispose();
    await expectAllClose(fromEmbeds, await logitsOf(model(), { inputIds: ids }), { atol: 0 });
  });

  test("logitsToKeep gives the logits of these positions", async () => {
    const inputIds = sampleText(rows, length, model().config);
    const all = await logitsOf(model(), { inputIds });
    for (const [keep, kept] of [
      [1, [length - 1]],
      [4, [5, 6, 7, 8]],
      [length + 1, [0, 1, 2, 3, 4, 5, 6, 7, 8]],
      [[3], [3]],
      [
        [7, 0, 2, 2],
        [7, 0, 2, 2],
      ],
    ] as const) {
      const some = await logitsOf(model(), { inputIds, logitsToKeep: keep });
      expect(some.shape).toEqual([rows, kept.length, model().config.vocabSize]);
      for (const row of [0, 1])
        for (const [i, position] of kept.entries())
          await expectAllClose(
            positions(some, row, i, i + 1),
            positions(all, row, position, position + 1),
            SAME,
            `position ${position} of row ${row} with logitsToKeep ${JSON.stringify(keep)}`,
          );
    }
  });

  test("there are router logits of every MoE layer, on request", () => {
    const { config } = model();
    const inputIds = sampleText(rows, length, config);
    const { logits, routerLogits, auxLoss } = model().forward({ inputIds, outputRouterLogits: true });
    const moeLayers = config.mlpLayerTypes.filter((type) => type === "sparse");
    const { numExperts } = config as { numExperts?: number };
    expect(routerLogits!.map(({ shape }) => shape)).toEqual(moeLayers.map(() => [rows * length, numExperts]));
    dispose([logits, ...routerLogits!, ...(auxLoss ? [auxLoss] : [])]);

    const without = model().forward({ inputIds, outputRouterLogits: false });
    expect(Object.keys(without)).toEqual(["logits"]);
    without.logits.dispose();
  });

  test.each(["sparse", "gathered", "dense"] as const)("experts run %s compute the same", async (strategy) => {
    const inputIds = sampleText(rows, length, model().config);
    const usual = await logitsOf(model(), { inputIds });
    const all = [...model().namedModules()].map(([, module]) => module).filter((module) => module instanceof Experts);
    const spies = all.map((module) => {
      const run = module.forward.bind(module);
      return vi.spyOn(module, "forward").mockImplementation((routed) => run(routed, strategy));
    });
    try {
      const before = expertsRuns();
      const forced = await logitsOf(model(), { inputIds });
      expect(expertsRuns()).toEqual({ ...before, [strategy]: before[strategy] + all.length });
      await expectAllClose(forced, usual, SAME);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
}
