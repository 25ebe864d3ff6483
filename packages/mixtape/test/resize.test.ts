/** Embeddings and heads with more rows or fewer are as transformers' `resize_token_embeddings` makes them. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DecoderError, type ForCausalLM, resizeTokenEmbeddings } from "@mixtape/decoder";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { encodeWeight } from "@mixtape/ops";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { toFloat32 } from "@mixtape/safetensors";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { expect, test } from "vitest";

interface Golden {
  readonly checkpoint: string;
  readonly cut: number | null;
  readonly vocabSize: number | null;
  readonly padToMultipleOf: number | null;
  readonly rows: number;
  readonly embedding?: { readonly first: readonly number[]; readonly isMean: boolean };
  readonly head?: { readonly first: readonly number[]; readonly isMean: boolean };
}

const { cases } = JSON.parse(readFileSync(fixture("resize/embeddings.json"), "utf8")) as { cases: readonly Golden[] };

const load = (checkpoint: string, source = fixture(`models/${checkpoint}`)): Promise<ForCausalLM> =>
  checkpoint.startsWith("mixtral/")
    ? MixtralForCausalLM.fromPretrained(source)
    : Qwen3MoeForCausalLM.fromPretrained(source);

async function rowsOf(model: ForCausalLM): Promise<{ embedding: number[][]; head: number[][] }> {
  const read = async ({ weight, shape }: ForCausalLM["model"]["embedTokens"]["weight"]): Promise<number[][]> => {
    const values = toFloat32(await encodeWeight(weight, "F32"), "F32");
    return Array.from({ length: shape[0]! }, (_, i) => [...values.subarray(i * shape[1]!, (i + 1) * shape[1]!)]);
  };
  const embedding = await read(model.model.embedTokens.weight);
  return { embedding, head: model.lmHead ? await read(model.lmHead.weight) : embedding };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

onEachEngine(() => {
  test.each(
    cases.map((one) => [JSON.stringify([one.checkpoint, one.cut, one.vocabSize, one.padToMultipleOf]), one] as const),
  )("%s", async (_, { checkpoint, cut, vocabSize, padToMultipleOf, rows, ...golden }) => {
    await withoutLeak(async () => {
      const model = await load(checkpoint);
      if (cut !== null) await resizeTokenEmbeddings(model, cut);
      const before = await rowsOf(model);
      const options = padToMultipleOf === null ? {} : { padToMultipleOf };
      expect(await resizeTokenEmbeddings(model, vocabSize, options)).toBe(rows);
      expect([model.config.vocabSize, model.model.config.vocabSize]).toEqual([rows, rows]);
      const after = await rowsOf(model);
      for (const part of ["embedding", "head"] as const) {
        const kept = Math.min(rows, before[part].length);
        expect(after[part].slice(0, kept)).toEqual(before[part].slice(0, kept));
        const expected = golden[part];
        for (const row of after[part].slice(kept)) {
          // Three ten-thousandths: 9 standard deviations of what is drawn from.
          const tolerance = expected!.isMean ? 1e-6 : 3e-4;
          for (const [i, value] of row.entries()) expect(Math.abs(value - expected!.first[i]!)).toBeLessThan(tolerance);
        }
      }
      const ids = [[rows - 1, 0, 1]];
      const { logits } = model.forward({ inputIds: ids });
      expect(logits.shape).toEqual([1, 3, rows]);
      logits.dispose();
      model.dispose();
    });
  });

  test("new rows have the covariance of the old ones, scaled; the same for the same seed", async () => {
    const model = await load("mixtral/basic");
    const { embedding: old } = await rowsOf(model);
    await resizeTokenEmbeddings(model, 97 + 600, { seed: 3 });
    const { embedding } = await rowsOf(model);
    const added = embedding.slice(97);
    // In float32 a row is known to 1e-9 or so of its deviation of 1e-5.
    const deviation = (rows: readonly number[][], i: number): number => {
      const center = mean(rows.map((row) => row[i]!));
      return Math.sqrt(mean(rows.map((row) => (row[i]! - center) ** 2)));
    };
    const ratios = Array.from({ length: 32 }, (_, i) => deviation(added, i) / (Math.sqrt(1e-9) * deviation(old, i)));
    expect(mean(ratios)).toBeGreaterThan(0.95);
    expect(mean(ratios)).toBeLessThan(1.05);
    const again = await load("mixtral/basic");
    await resizeTokenEmbeddings(again, 97 + 600, { seed: 3 });
    expect((await rowsOf(again)).embedding).toEqual(embedding);
    const fresh = await load("mixtral/basic");
    await resizeTokenEmbeddings(fresh, 97 + 600, { meanResizing: false });
    const spread = deviation((await rowsOf(fresh)).embedding.slice(97), 0);
    expect(spread).toBeGreaterThan(0.015);
    expect(spread).toBeLessThan(0.025);
    for (const one of [model, again, fresh]) one.dispose();
  });

  test("a resized model is saved and loaded, and wrong sizes change nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mixtape-resize-"));
    const model = await load("mixtral/bfloat16");
    await expect(resizeTokenEmbeddings(model, 0)).rejects.toThrow(DecoderError);
    await expect(resizeTokenEmbeddings(model, 100, { padToMultipleOf: 1.5 })).rejects.toThrow(
      "resizeTokenEmbeddings: padToMultipleOf: expected a whole number of at least 1, got 1.5",
    );
    expect(model.config.vocabSize).toBe(97);
    await resizeTokenEmbeddings(model, 100);
    await model.savePretrained(folder);
    const loaded = await load("mixtral/", folder);
    expect(loaded.config.vocabSize).toBe(100);
    expect(loaded.model.embedTokens.weight.dtype).toBe("BF16");
    expect(await rowsOf(loaded)).toEqual(await rowsOf(model));
    loaded.dispose();
    model.dispose();
    rmSync(folder, { recursive: true });
  });
});
