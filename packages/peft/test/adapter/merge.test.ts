/** A merged model is, tensor by tensor, what peft's `merge_and_unload` saves. */

import { readFileSync } from "node:fs";
import { AfmoeForCausalLM } from "@mixtape/afmoe";
import type { ForCausalLM } from "@mixtape/decoder";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { type Dtype, encodeSafetensors, openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { add } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { adaptersOf, applyAdapter, loadAdapter } from "../../src/index.js";

const load = async (checkpoint: string): Promise<ForCausalLM> => {
  const [name, inBfloat16] = checkpoint.split(" in ");
  const folder = fixture(`models/${name}`);
  if (inBfloat16) {
    const model = await MixtralForCausalLM.fromPretrained(folder);
    const tensors = await encodeSafetensors(model.tensorsToWrite("BF16"));
    model.dispose();
    const config = readFileSync(`${folder}/config.json`);
    return MixtralForCausalLM.fromPretrained(
      new Map([
        ["config.json", config],
        ["model.safetensors", tensors],
      ]),
    );
  }
  if (checkpoint.startsWith("mixtral/")) return MixtralForCausalLM.fromPretrained(folder);
  return checkpoint.startsWith("afmoe/")
    ? AfmoeForCausalLM.fromPretrained(folder)
    : Qwen3MoeForCausalLM.fromPretrained(folder);
};

/** The golden file, its adapter, the checkpoint that it is merged into, and the dtype that is asked for. */
const CASES: readonly [golden: string, adapter: string, checkpoint: string, dtype?: Dtype][] = [
  ["mixtral-rslora-all-float32", "mixtral/rslora-all", "mixtral/right-padded"],
  ["mixtral-dora-attention-float32", "mixtral/dora-attention", "mixtral/basic"],
  ["mixtral-lora-attention-bfloat16", "mixtral/lora-attention", "mixtral/basic in bfloat16"],
  ["mixtral-lora-attention-float16", "mixtral/lora-attention", "mixtral/basic", "F16"],
  ["qwen3-moe-lora-experts-float32", "qwen3-moe/lora-experts", "qwen3-moe/basic"],
  ["afmoe-lora-router-experts-float32", "afmoe/lora-router-experts", "afmoe/basic"],
];

/** Steps of a dtype between two numbers of about that size. */
const ulps = (a: number, b: number, dtype: Dtype): number =>
  Math.abs(a - b) /
  2 ** (Math.floor(Math.log2(Math.max(Math.abs(a), Math.abs(b), 2 ** -14))) - (dtype === "F16" ? 10 : 7));

onEachEngine(() => {
  test.each(CASES)("%s", async (name, adapter, checkpoint, dtype) => {
    const golden = await openSafetensors(fixture(`merged/${name}.safetensors`));
    await withoutLeak(async () => {
      const model = await load(checkpoint);
      const before = await tensorsOf(model, dtype);
      await loadAdapter(model, fixture(`adapters/${adapter}`));
      await adaptersOf(model).merge("default", { dtype });
      const merged = await tensorsOf(model, dtype);
      const changed = [...merged.keys()].filter((key) => merged.get(key)!.some((x, i) => x !== before.get(key)![i]));
      expect(changed.sort()).toEqual([...golden.names].sort());
      let apart = 0;
      for (const key of golden.names) {
        const view = golden.tensor(key);
        const values = merged.get(key)!;
        for (const [i, value] of toFloat32(await view.read(), view.dtype).entries()) {
          if (values[i] === value) continue;
          if (view.dtype === "F32") expect(Math.abs(values[i]! - value), key).toBeLessThan(1e-6);
          else expect(ulps(values[i]!, value, view.dtype), key).toBeLessThanOrEqual(1);
          apart++;
        }
      }
      // Where two sums in float32 differ in their last bit, few are rounded to different numbers of 16 bits.
      if (name.endsWith("16")) expect(apart).toBeLessThan(5);
      adaptersOf(model).delete("default");
      model.dispose();
    });
    await golden.close();
  });

  test("a sum that is not finite in its dtype is an error, and nothing is merged", async () => {
    const model = await load("mixtral/basic");
    const adapter = await applyAdapter(model, { method: "lora", r: 2, targetModules: ["q_proj"] });
    for (const [name, param] of adapter.namedParameters())
      if (name.endsWith("lora_b")) param.assign(param.weight.parts.map((part) => add(part, 1e6)));
    const before = await tensorsOf(model);
    const merge = adaptersOf(model).merge("default", { dtype: "F16" });
    await expect(merge).rejects.toThrow(/expected sums that are finite in F16, got (-?Infinity)/);
    expect(adaptersOf(model).merged).toBe(null);
    expect(await tensorsOf(model)).toEqual(before);
    model.dispose();
  });
});

async function tensorsOf(model: ForCausalLM, dtype?: Dtype): Promise<Map<string, Float32Array>> {
  const tensors = new Map<string, Float32Array>();
  for (const { name, bytes, dtype: own } of model.tensorsToWrite(dtype))
    tensors.set(name, toFloat32(typeof bytes === "function" ? await bytes() : bytes, own).slice());
  return tensors;
}
