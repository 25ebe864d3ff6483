import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadModel } from "@mixtape/mixtape";
import { loadAdapter } from "@mixtape/peft";
import { parseMetrics } from "@mixtape/training";
import { beforeAll, describe, expect, test } from "vitest";
import { readProfiles } from "../scripts/profiles.js";
import { lossesOf, SAMPLE, sampleGenerate, sampleTrain, temporaryFolder, trained, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const folder = temporaryFolder();
const profiles = readProfiles();
const jsonl = (name: string, texts: readonly string[]): string =>
  write(
    folder,
    name,
    texts.map((text) => ({ text })),
  );
const data = jsonl("profiles.jsonl", profiles.slice(0, 40));
const heldOut = jsonl("held-out.jsonl", profiles.slice(40, 44));
const text = write(folder, "profiles.txt", profiles.slice(0, 12).join("\n\n"));
const SHORT = ["--max-length", "64", "--batch-size", "2", "--learning-rate", "2e-3"];

let tiny: string;
beforeAll(async () => {
  tiny = await writeTinyModel(join(folder, "tiny"));
});

test("LoRA of the sample model on a text, 20 steps: the loss falls, and sample-generate writes otherwise with it", async () => {
  const output = join(folder, "lora");
  const args = ["--model", SAMPLE, ...SHORT, "--data", text, "--eval", heldOut, "--steps", "20", "--output", output];
  const result = await trained(...args);
  expect(result).toMatchObject({ steps: 20, finishReason: "steps", saved: [output] });
  expect(result.evalAfter!.default!).toBeLessThan(result.evalBefore!.default! - 0.1);
  expect(lossesOf(output)).toHaveLength(20);
  expect(readFileSync(join(output, "report.html"), "utf8")).toMatch(/^<!doctype html>/);

  const idsWith = async (...flags: string[]): Promise<number[]> => {
    const prompt = ["--model", SAMPLE, "--prompt", "Location:", "--max-new-tokens", "12", "--json"];
    const ended = await sampleGenerate(...prompt, ...flags);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    const { ids, adapter } = JSON.parse(ended.stdout) as { ids: number[]; adapter: string | null };
    expect(adapter).toBe(flags[1] ?? null);
    return ids;
  };
  expect(await idsWith("--adapter", output)).not.toEqual(await idsWith());
});

test("what trains, how far it is, what came of it and how to see it are told", async () => {
  const output = join(folder, "told");
  const args = ["--model", tiny, ...SHORT, "--data", data, "--eval", heldOut, "--steps", "2", "--output", output];
  const { code, stdout, stderr } = await sampleTrain([...args, "--method", "dora", "--rank", "2"]);
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^default: dora of rank 2, [\d,]+ parameters; 40 texts, 2 steps, 0\.023 epochs\nstep 1 of 2 {2}loss \d\.\d{4} {2}\d+ tokens\/s {2}\d+ s left\nstep 2 of 2 {2}loss \d\.\d{4} {2}\d+ tokens\/s\n$/,
  );
  const names = ["engine", "steps", "loss", "held out", "saved", "report", "to see it"];
  expect([...stdout.matchAll(/^ {2}(\w+(?: \w+)*) {2,}\S/gm)].map(([, name]) => name)).toEqual(names);
  expect(stdout).toContain(`sample-generate generate --model ${tiny} --adapter ${output} --prompt …\n`);
});

describe("every method trains, and what it has learnt is loaded again", () => {
  const learnt = async (method: string, ...flags: string[]): Promise<string> => {
    const output = join(folder, method);
    const args = ["--model", tiny, ...SHORT, "--data", data, "--steps", "2", "--method", method, "--output", output];
    expect((await trained(...args, ...flags)).steps).toBe(2);
    return output;
  };
  /** What a model says of a few tokens, with an adapter where one is named. */
  const logitsOf = async (model: string, adapter?: string): Promise<Float32Array> => {
    const loaded = await loadModel(model);
    if (adapter !== undefined) await loadAdapter(loaded, adapter);
    const { logits } = loaded.forward({ inputIds: [[5, 60, 700]] });
    const values = (await logits.data()) as Float32Array;
    logits.dispose();
    loaded.dispose();
    expect(values.every(Number.isFinite)).toBe(true);
    return values;
  };

  test.each(["rslora", "dora", "loramoe", "mola", "mixlora", "mixlora-dynamic", "mixlora-switch"])(
    "%s",
    async (method) => {
      const adapter = await learnt(method, "--rank", "2");
      expect(await logitsOf(tiny, adapter)).not.toEqual(await logitsOf(tiny));
      expect(mapsIn(adapter).some((router) => router.startsWith("default: "))).toBe(
        !["rslora", "dora"].includes(method),
      );
      expect(mapsIn(adapter)).toContain("model.layers.1.mlp.router");
    },
  );

  test("full", async () => {
    const model = await learnt("full", "--pack");
    expect(await logitsOf(model)).not.toEqual(await logitsOf(tiny));
    expect(await sampleGenerate("--model", model, "--prompt", "Location:", "--max-new-tokens", "2")).toMatchObject({
      code: 0,
    });
  });
});

/** The routers of which a run's report has the loads of experts. */
const mapsIn = (output: string): string[] => {
  const report = readFileSync(join(output, "report.html"), "utf8");
  return [...report.matchAll(/<h3>([^<]*)<\/h3>\n<img /g)].map(([, router]) => router!);
};

test("several adapters at once have the losses that they have alone", async () => {
  const lora = [
    { name: "one", data, r: 4, target_modules: { q_proj: true, o_proj: false }, lr: 1e-3, batch_size: 2 },
    {
      name: "two",
      data: text,
      r: 2,
      target_modules: ["v_proj"],
      use_dora: true,
      lr: 2e-3,
      loraplus_lr_ratio: 4,
      batch_size: 2,
    },
  ];
  const at = (name: string, adapters: readonly object[]): string[] => {
    const config = write(folder, `${name}.json`, JSON.stringify({ cutoff_len: 64, lora: adapters }));
    const output = ["--output", join(folder, name)];
    return ["--model", tiny, "--steps", "4", "--adapters", config, "--precision", "float32", ...output];
  };
  await trained(...at("both", lora));
  expect(mapsIn(join(folder, "both"))).toEqual(["model.layers.1.mlp.router"]);
  const both = parseMetrics(readFileSync(join(folder, "both", "metrics.jsonl"), "utf8"));
  for (const adapter of lora) {
    const alone = `alone-${adapter.name}`;
    await trained(...at(alone, [adapter]));
    for (const [step, loss] of lossesOf(join(folder, alone)).entries())
      expect(both[step]!.metrics[`${adapter.name}: lmLoss`]).toBeCloseTo(loss, 4);
    expect(existsSync(join(folder, "both", adapter.name, "adapter_model.safetensors"))).toBe(true);
  }
});
