import type { ForCausalLM } from "@mixtape/decoder";
import { expectAllClose, onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose, slice, type Tensor3D } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adaptersOf, applyAdapter } from "../../src/index.js";
import { loadGoldenModel } from "../support/golden-adapters.js";
import { fillWithNoise } from "../support/noise.js";

const SHORT = [3, 14, 15, 92];
const LONG = [65, 35, 89, 79, 32, 38, 46];
const PAD = LONG.length - SHORT.length;
const TOLERANCE = { atol: 2e-5 };

onEachEngine(() => {
  let model: ForCausalLM;
  let alone: Tensor3D[];

  const logitsOf = (inputs: Parameters<ForCausalLM["forward"]>[0]): Tensor3D => model.forward(inputs).logits;
  const expectRows = async (logits: Tensor3D, row: number, from: number, expected: Tensor3D): Promise<void> => {
    const own = slice(logits, [row, from, 0], [1, expected.shape[1], -1]);
    try {
      await expectAllClose(own, expected, TOLERANCE);
    } finally {
      own.dispose();
    }
  };

  beforeAll(async () => {
    // A dense layer and two of experts; one token for each expert, so that most pass by.
    ({ model } = await loadGoldenModel("afmoe/basic"));
    const targetModules = ["gate_proj", "up_proj", "down_proj"];
    const config = { method: "mixlora-switch", r: 2, numExperts: 2, expertCapacity: 1, targetModules } as const;
    const adapter = await applyAdapter(model, config);
    fillWithNoise(adapter, 5, 0.3);
    alone = [SHORT, LONG].map((ids) => logitsOf({ inputIds: [ids] }));
  });
  afterAll(() => {
    dispose(alone);
    model.dispose();
  });

  test.each([
    ["for the whole batch", "default"],
    ["for each row", ["default", "default"]],
    ["for some rows", ["default", null]],
  ] as const)("padding takes no place of a token, on either side; selected %s", async (_, selection) => {
    await withoutLeak(async () => {
      for (const isLeft of [true, false]) {
        const padded = <T>(row: readonly T[], fill: T): T[] => {
          const padding = new Array<T>(PAD).fill(fill);
          return isLeft ? [...padding, ...row] : [...row, ...padding];
        };
        const ones = SHORT.map(() => 1);
        const positions = SHORT.map((_, i) => i);
        const batch = {
          inputIds: [padded(SHORT, 0), LONG],
          attentionMask: [padded(ones, 0), LONG.map(() => 1)],
          positionIds: [padded(positions, 0), LONG.map((_, i) => i)],
        };
        const logits = adaptersOf(model).with(selection, () => logitsOf(batch));
        await expectRows(logits, 0, isLeft ? PAD : 0, alone[0]!);
        if (selection !== "default" && selection[1] === null)
          await expect(expectRows(logits, 1, 0, alone[1]!)).rejects.toThrow();
        else await expectRows(logits, 1, 0, alone[1]!);
        logits.dispose();
      }
    });
  });

  test("texts that share a row take no places of each other", async () => {
    await withoutLeak(async () => {
      const both = [SHORT, LONG];
      const logits = logitsOf({
        inputIds: [both.flat()],
        positionIds: [both.flatMap((ids) => ids.map((_, i) => i))],
        documentIds: [both.flatMap((ids, text) => ids.map(() => text))],
      });
      await expectRows(logits, 0, 0, alone[0]!);
      await expectRows(logits, 0, SHORT.length, alone[1]!);
      logits.dispose();
    });
  });

  test("a text after another, without a word of that, is one with it", async () => {
    await withoutLeak(async () => {
      const logits = logitsOf({ inputIds: [[...SHORT, ...LONG]] });
      await expectRows(logits, 0, 0, alone[0]!);
      await expect(expectRows(logits, 0, SHORT.length, alone[1]!)).rejects.toThrow();
      logits.dispose();
    });
  });
});
