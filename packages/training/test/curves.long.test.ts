/** Fifty steps from the same start on the same batches give torch's losses. */

import { readFileSync } from "node:fs";
import { AfmoeForCausalLM } from "@mixtape/afmoe";
import type { ForCausalLM } from "@mixtape/decoder";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { fixture, longTestEngines, onEachEngine, withoutLeak } from "@mixtape/testing";
import { expect, test } from "vitest";
import { type AdamWOptions, cosineSchedule, train, unfreeze } from "../src/index.js";

interface Curve {
  readonly optimizer: Required<AdamWOptions> & { readonly warmupSteps: number; readonly accumulate: number };
  readonly batches: readonly Readonly<Record<"input_ids" | "labels" | "attention_mask", number[][]>>[];
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
}

const FAMILIES: readonly [string, (folder: string) => Promise<ForCausalLM>][] = [
  ["mixtral", (folder) => MixtralForCausalLM.fromPretrained(folder)],
  ["qwen3-moe", (folder) => Qwen3MoeForCausalLM.fromPretrained(folder)],
  ["afmoe", (folder) => AfmoeForCausalLM.fromPretrained(folder)],
];

onEachEngine((engine) => {
  // tfjs's JavaScript takes ten times as long as the others.
  const steps = engine === "cpu" ? 10 : 50;
  test.each(FAMILIES)(
    "%s: groups, warm-up, cosine, clipping, accumulation, padding, auxiliary loss",
    async (family, load) => {
      const golden = JSON.parse(readFileSync(fixture(`curves/${family}.json`), "utf8")) as Curve;
      const { warmupSteps, accumulate, weightDecay, ...settings } = golden.optimizer;
      const totalSteps = golden.losses.length;
      const optimizer: AdamWOptions = {
        ...settings,
        weightDecay,
        schedule: cosineSchedule({ warmupSteps, totalSteps }),
        groups: [{ name: "norms", match: (name) => name.endsWith("norm.weight"), weightDecay: 0 }],
      };
      const batch = (index: number) => {
        const {
          input_ids: inputIds,
          labels,
          attention_mask: attentionMask,
        } = golden.batches[index % golden.batches.length]!;
        return { inputIds, labels, attentionMask };
      };
      await withoutLeak(async () => {
        const model = await load(fixture(`models/${family}/basic`));
        unfreeze(model);
        const losses: number[] = [];
        const gradNorms: number[] = [];
        for await (const step of train(model, { batch }, { maxSteps: totalSteps, accumulate, optimizer })) {
          losses.push(step.loss);
          gradNorms.push(step.gradNorm);
          if (step.step === steps) break;
        }
        expect(losses).toHaveLength(steps);
        const worst = Math.max(...losses.map((loss, i) => Math.abs(loss - golden.losses[i]!)));
        expect(worst).toBeLessThan(1e-3);
        // Learnt, not only followed.
        expect(losses.at(-1)!).toBeLessThan(losses[0]! / (steps === 50 ? 2 : 1.1));
        for (const [i, norm] of gradNorms.entries())
          expect(Math.abs(norm / golden.gradNorms[i]! - 1), `step ${i + 1}`).toBeLessThan(1e-2);
        model.dispose();
      });
    },
  );
}, longTestEngines());
