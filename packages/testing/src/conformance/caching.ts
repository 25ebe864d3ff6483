import type { DecoderConfig } from "@mixtape/config";
import { encodeCache, type ForCausalLM, loadCache } from "@mixtape/decoder";
import type { Cache } from "@mixtape/layers";
import { engineTraits } from "@mixtape/ops";
import { dispose, tidy } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { expectAllClose, type Values } from "../all-close.js";
import { positionsOf } from "../greedy.js";
import { logitsOf, longLength, positions, SAME, sampleText } from "./subject.js";

/** Caches and padding do not change the output. */
export function cachesAndPads<C extends DecoderConfig>(model: () => ForCausalLM<C>): void {
  test.each([
    ["token by token", [1]],
    ["in chunks", [5, 1, 7, 3, 2]],
  ])("cached %s is a full forward pass, windows that slid included", async (_, sizes) => {
    const length = longLength(model().config);
    const ids = sampleText(2, length, model().config);
    const full = await logitsOf(model(), { inputIds: ids });
    const cache = model().createCache();
    try {
      for (let from = 0, step = 0; from < length; step++) {
        const to = Math.min(from + sizes[step % sizes.length]!, length);
        const chunk = await logitsOf(model(), { inputIds: ids.map((row) => row.slice(from, to)), cache });
        for (const row of [0, 1])
          await expectAllClose(
            positions(chunk, row, 0, to - from),
            positions(full, row, from, to),
            SAME,
            `logits of row ${row} from ${from} to ${to}`,
          );
        from = to;
        expect(cache.length).toBe(to);
      }
    } finally {
      cache.dispose();
    }
  });

  test("a left-padded batch is its rows alone, at first and while it grows", async () => {
    const { config } = model();
    const length = longLength(config);
    const prompt = Math.ceil(length / 2);
    const lengths = [prompt, Math.ceil(prompt / 2), 1];
    const grown = length - prompt;
    const texts = sampleText(lengths.length, length, config).map((row, i) => row.slice(0, lengths[i]! + grown));
    const alone: Values[] = [];
    for (const text of texts) alone.push(await logitsOf(model(), { inputIds: [text] }));

    const pads = lengths.map((n) => Array<number>(prompt - n).fill(0));
    let mask = lengths.map((n, row) => [...pads[row]!, ...Array<number>(n).fill(1)]);
    const cache = model().createCache();
    try {
      const first = await logitsOf(model(), {
        inputIds: texts.map((text, row) => [
          ...pads[row]!.map((_, i) => i % config.vocabSize),
          ...text.slice(0, lengths[row]),
        ]),
        attentionMask: mask,
        positionIds: mask.map(positionsOf),
        cache,
      });
      for (const [row, n] of lengths.entries())
        await expectAllClose(
          positions(first, row, prompt - n, prompt),
          positions(alone[row]!, 0, 0, n),
          SAME,
          `row ${row}`,
        );
      for (let step = 0; step < grown; step++) {
        mask = mask.map((row) => [...row, 1]);
        const next = await logitsOf(model(), {
          inputIds: texts.map((text, row) => [text[lengths[row]! + step]!]),
          attentionMask: mask,
          positionIds: lengths.map((n) => [n + step]),
          cache,
        });
        for (const [row, n] of lengths.entries())
          await expectAllClose(
            positions(next, row, 0, 1),
            positions(alone[row]!, 0, n + step, n + step + 1),
            SAME,
            `row ${row} after ${step} steps`,
          );
      }
    } finally {
      cache.dispose();
    }
  });

  test("rows that are cut to different lengths, and go on by what the cache knows of them, are their texts alone", async () => {
    const { config } = model();
    const length = longLength(config);
    const texts = sampleText(3, length, config);
    const cache = model().createCache();
    try {
      const half = Math.ceil(length / 2);
      await logitsOf(model(), { inputIds: texts.map((text) => text.slice(0, half)), cache });
      const lengths = [half, half - 2, 0];
      // A recurrence, or a window that has slid, cannot be truncated like this: it throws, and changes nothing.
      if (!cache.canTruncate(lengths)) {
        expect(() => cache.truncate(lengths)).toThrow("Cache.truncate: expected rows that the layers can be cut to");
        lengths.fill(half);
      } else cache.truncate(lengths);
      expect([cache.lengths, cache.rows]).toEqual([lengths, 3]);
      const logits = await logitsOf(model(), {
        inputIds: texts.map((text, row) => text.slice(lengths[row]!, lengths[row]! + 2)),
        cache,
      });
      for (const [row, n] of lengths.entries()) {
        const text = texts[row]!.slice(0, n + 2);
        const alone = await logitsOf(model(), { inputIds: [text] });
        await expectAllClose(positions(logits, row, 0, 2), positions(alone, 0, n, n + 2), SAME, `row ${row}`);
        expect(cache.tokens(row)).toEqual(text);
      }
    } finally {
      cache.dispose();
    }
  });

  test("a cache that was saved and loaded goes on to the bit", async () => {
    const { config } = model();
    const length = longLength(config);
    const ids = sampleText(2, length, config);
    const cache = model().createCache();
    let loaded: Cache | undefined;
    try {
      const prompt = ids.map((row) => row.slice(0, -3));
      await logitsOf(model(), {
        inputIds: prompt,
        attentionMask: prompt.map((row, i) => row.map((_, at) => (at < i ? 0 : 1))),
        cache,
      });
      loaded = await loadCache(model(), await encodeCache(model(), cache));
      expect([loaded.length, loaded.lengths, loaded.tokens(1)]).toEqual([cache.length, cache.lengths, cache.tokens(1)]);
      for (let at = length - 3; at < length; at++) {
        const inputIds = ids.map((row) => [row[at]!]);
        const [own, other] = [
          await logitsOf(model(), { inputIds, cache }),
          await logitsOf(model(), { inputIds, cache: loaded }),
        ];
        expect(other.values).toEqual(own.values);
      }
    } finally {
      loaded?.dispose();
      cache.dispose();
    }
  });
}

/** Steps that are captured and replayed compute the same as steps that run. */
export function capturesGraphs<C extends DecoderConfig>(model: () => ForCausalLM<C>): void {
  test("steps of a model that stays as it is are the same to the bit, whatever is done to the cache between them", async ({
    skip,
  }) => {
    // Without captured graphs, one run would be compared with itself.
    if (!engineTraits().graphCapture) skip("the engine captures no graphs");
    const length = longLength(model().config);
    const ids = sampleText(2, length, model().config);
    const stepsOf = async (captureGraph: boolean): Promise<Values[]> => {
      const cache = model().createCache();
      const logits: Values[] = [];
      const step = async (rows: readonly number[], at: number): Promise<void> => {
        const inputIds = rows.map((row) => [ids[row]![at]!]);
        logits.push(await logitsOf(model(), { inputIds, cache, captureGraph, outputRouterLogits: false }));
      };
      try {
        for (let round = 0; round < 2; round++) {
          for (let at = 0; at < length - 1; at++) await step([0, 1], at);
          const snapshot = cache.snapshot();
          await step([0, 1], length - 1);
          // A recurrence can only be rolled back to snapshots.
          if (cache.canTruncate(length - 1)) cache.truncate(length - 1);
          else snapshot.restore();
          snapshot.release();
          for (let at = 0; at < 5; at++) await step([1, 0], at);
          cache.reorder([1, 0, 1]);
          for (let at = 0; at < 5; at++) await step([0, 1, 0], at);
          // Captured intermediates are not part of a repeated step.
          const wanted = { outputRouterLogits: true, outputHiddenStates: true };
          const { hiddenStates } = tidy(() => {
            const { hiddenStates } = model().forward({ inputIds: [[1], [2], [3]], cache, captureGraph, ...wanted });
            return { hiddenStates };
          });
          const last = hiddenStates!.at(-1)!;
          logits.push({ shape: last.shape, values: (await last.data()) as Float32Array });
          dispose(hiddenStates!);
          for (let at = 0; at < 3; at++) await step([0, 0, 1], at);
          cache.dispose();
        }
      } finally {
        cache.dispose();
      }
      return logits;
    };
    const [plain, fixed] = [await stepsOf(false), await stepsOf(true)];
    expect(fixed.length).toBe(plain.length);
    for (const [i, { shape, values }] of fixed.entries()) {
      expect(shape, `step ${i}`).toEqual(plain[i]!.shape);
      // Bitwise, without vitest's own comparison, which takes longer than the steps.
      const differs = values.findIndex((value, at) => !Object.is(value, plain[i]!.values[at]));
      expect(differs, `step ${i}: the first logit that differs`).toBe(-1);
      expect(values.length).toBe(plain[i]!.values.length);
    }
  });
}
