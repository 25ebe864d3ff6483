import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ForCausalLM } from "@mixtape/decoder";
import { OptionError } from "@mixtape/errors";
import { expectAllClose, onEachEngine, testEngines, withoutCpu, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type AdapterConfigInput,
  AdapterError,
  type AdapterLossOptions,
  type ApplyOptions,
  adapterFiles,
  adapterLosses,
  adaptersOf,
  applyAdapter,
  type LoadAdapterOptions,
  loadAdapter,
  peftIncompatibility,
  readAdapterConfig,
  type SaveAdapterOptions,
  saveAdapter,
} from "../src/index.js";
import { goldenAdapters, loadGoldenModel, readTensors } from "./support/golden-adapters.js";
import { fillWithNoise } from "./support/noise.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "adapter-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const IDS = [[3, 14, 15, 92, 65]];
const FEED_FORWARD = ["gate_proj", "up_proj", "down_proj"];

/** One in three, and all in `npm run test:long`. */
const EACH = process.env.MIXTAPE_TEST_LONG ? 1 : 3;

onEachEngine(() => {
  test.each(goldenAdapters.filter((_, i) => i % EACH === 0))(
    "$name is saved as it was loaded, tensor by tensor",
    async ({ folder: golden, about, isMixture }) => {
      const { model } = await loadGoldenModel(about.model);
      await saveAdapter(await loadAdapter(model, golden), folder);
      const [saved, original] = [
        await readTensors(join(folder, "adapter_model.safetensors")),
        await readTensors(join(golden, "adapter_model.safetensors")),
      ];
      expect([...saved.keys()].sort()).toEqual([...original.keys()].sort());
      for (const [name, { shape, values }] of original) {
        expect(saved.get(name)!.shape, name).toEqual(shape);
        expect(saved.get(name)!.values, name).toEqual(values);
      }
      const config = (path: string) => JSON.parse(readFileSync(join(path, "adapter_config.json"), "utf8"));
      if (isMixture) expect(config(folder)).toEqual(config(golden));
      else expect(config(folder)).toMatchObject({ r: config(golden).r, use_dora: config(golden).use_dora });
      adaptersOf(model).delete("default");
      model.dispose();
    },
  );

  describe.each<[string, AdapterConfigInput]>([
    ["lora", { method: "lora", r: 2, targetModules: ["q_proj", "router.gate", "gate_up_proj", "experts.down_proj"] }],
    [
      "lora, gate and up apart",
      { method: "lora", r: 2, targetModules: ["q_proj", "experts.gate_proj", "experts.up_proj"] },
    ],
    ["dora", { method: "dora", r: 2, useRslora: true, targetModules: "all-linear" }],
    ["loramoe", { method: "loramoe", r: 2, numExperts: 3, targetModules: "all-linear" }],
    ["mola", { method: "mola", r: 2, numExperts: 3, targetModules: "all-linear" }],
    ["mixlora", { method: "mixlora", r: 2, numExperts: 3, targetModules: ["q_proj", ...FEED_FORWARD] }],
    ["mixlora-dynamic", { method: "mixlora-dynamic", r: 2, numExperts: 3, topP: 0.5, targetModules: FEED_FORWARD }],
    [
      "mixlora-switch",
      { method: "mixlora-switch", r: 2, numExperts: 3, expertCapacity: 2, targetModules: FEED_FORWARD },
    ],
  ])("%s", (_, config) => {
    let model: ForCausalLM;
    beforeAll(async () => {
      ({ model } = await loadGoldenModel("afmoe/basic"));
    });
    afterAll(() => model.dispose());

    test("comes back from a folder and from files in memory, and computes the same", async () => {
      await withoutLeak(async () => {
        const adapter = await applyAdapter(model, config);
        fillWithNoise(adapter, 7, 0.2);
        const before = model.forward({ inputIds: IDS });
        await saveAdapter(adapter, folder, { peftCompatible: false });
        expect(readdirSync(folder).sort()).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
        const files = await adapterFiles(adapter, { peftCompatible: false });
        adaptersOf(model).delete("default");
        const sources = [
          folder,
          files,
          new Map([...files].map(([name, bytes]) => [name, new Blob([bytes as BlobPart])])),
        ];
        for (const source of sources) {
          const again = await loadAdapter(model, source, { name: "again" });
          expect(again.trainableParams()).toEqual([]);
          expect(again.config).toMatchObject({ method: adapter.config.method, r: 2 });
          expect(again.table).toEqual(adapter.table);
          const after = model.forward({ inputIds: IDS });
          await expectAllClose(after.logits, before.logits, { atol: 1e-6 });
          after.logits.dispose();
          adaptersOf(model).delete("again");
        }
        dispose(before.logits);
      });
    });
  });
}, withoutCpu(testEngines()));

describe("what Hugging Face peft could not place is refused", () => {
  test.each<[AdapterConfigInput, string]>([
    [{ method: "dora", targetModules: ["experts.down_proj"] }, "DoRA at model.layers.1.mlp.experts.down_proj"],
    [{ method: "dora", targetModules: ["router.gate"] }, "DoRA at model.layers.1.mlp.router.gate"],
    [
      { method: "lora", targetModules: ["shared_experts.up_proj"] },
      "an adapter at model.layers.1.mlp.shared_experts.up_proj",
    ],
    [{ method: "lora", targetModules: ["self_attn.gate_proj"] }, "an adapter at model.layers.0.self_attn.gate_proj"],
    [{ method: "lora", targetModules: ["experts.up_proj"] }, "model.layers.1.mlp.experts.up_proj without gate_proj"],
    [{ method: "rslora", targetModules: ["experts.gate_proj", "experts.up_proj"] }, "rank-stabilized scales"],
  ])("%j", async (config, got) => {
    const { model } = await loadGoldenModel("afmoe/basic");
    const adapter = await applyAdapter(model, config);
    await expect(saveAdapter(adapter, folder)).rejects.toThrow(AdapterError);
    expect(peftIncompatibility(adapter)).toContain(got);
    await expect(adapterFiles(adapter, { peftCompatible: true })).rejects.toThrow(got);
    expect(readdirSync(folder)).toEqual([]);
    await adapterFiles(adapter);
    model.dispose();
  });
});

describe("a save that stops before any of its steps", () => {
  test.each([false, true])("leaves the old adapter or the new, in an empty folder: %s", async (isFirst) => {
    const { model } = await loadGoldenModel("mixtral/basic");
    // The tensors are of one shape, so that nothing but their values tells a mixture.
    const before = await applyAdapter(model, { method: "lora", r: 2, targetModules: ["q_proj"] }, { name: "before" });
    fillWithNoise(before, 7, 0.2);
    const config: AdapterConfigInput = { method: "lora", r: 2, loraAlpha: 64, targetModules: ["q_proj"] };
    const after = await applyAdapter(model, config, { name: "after" });
    fillWithNoise(after, 8, 0.2);
    const whole = [before, after].map(async (adapter) => fingerprint(await adapterFiles(adapter)));
    const [old, fresh] = await Promise.all(whole);
    const found: (string | undefined)[] = [];
    for (let steps = 0, finished = false; !finished; steps++) {
      const at = join(folder, `${steps}`);
      if (!isFirst) await saveAdapter(before, at);
      finished = await stoppedAfter(steps, () => saveAdapter(after, at));
      // A lock whose process died is taken over. This process lives on, so the test takes its lock away.
      rmSync(join(at, ".save.lock"), { force: true });
      const loaded = await loadAdapter(model, at, { name: "loaded" }).catch((error: unknown) => {
        expect(error).toMatchObject({ name: "AdapterError", expected: "a file", got: "none" });
        return undefined;
      });
      found.push(loaded && fingerprint(await adapterFiles(loaded)));
      if (loaded) adaptersOf(model).delete("loaded");
      await saveAdapter(before, at);
      const again = await loadAdapter(model, at, { name: "again" });
      expect(fingerprint(await adapterFiles(again))).toBe(old);
      adaptersOf(model).delete("again");
    }
    const commit = found.indexOf(fresh);
    expect(commit).toBeGreaterThan(3);
    expect(found.length).toBeGreaterThan(commit + 2);
    expect(found).toEqual(found.map((_, i) => (i < commit ? (isFirst ? undefined : old) : fresh)));
    model.dispose();
  });

  /** What an adapter is, config and values. */
  function fingerprint(files: ReadonlyMap<string, Uint8Array>): string {
    const [config, tensors] = ["adapter_config.json", "adapter_model.safetensors"].map((name) => files.get(name)!);
    const { lora_alpha } = JSON.parse(Buffer.from(config!).toString()) as { lora_alpha: number };
    return `${lora_alpha} ${createHash("sha256").update(tensors!).digest("hex")}`;
  }

  /** Runs `save` for so many steps (a file created, renamed or deleted) and no further. Returns whether it came to its end. */
  async function stoppedAfter(steps: number, save: () => Promise<void>): Promise<boolean> {
    const { open, rename, unlink } = fs;
    let left = steps;
    let stop = () => {};
    const stopped = new Promise<false>((resolve) => {
      stop = () => resolve(false);
    });
    const step = async (): Promise<void> => {
      if (left-- > 0) return;
      stop();
      await new Promise(() => {});
    };
    fs.open = async (path, flags) => {
      if (flags !== "r") await step();
      return open(path, flags);
    };
    fs.rename = (...args) => step().then(() => rename(...args));
    fs.unlink = (...args) => step().then(() => unlink(...args));
    syncBuiltinESMExports();
    try {
      return await Promise.race([save().then(() => true), stopped]);
    } finally {
      Object.assign(fs, { open, rename, unlink });
      syncBuiltinESMExports();
    }
  }
});

test("an option that is not known is refused", async () => {
  const { model } = await loadGoldenModel("mixtral/basic");
  const config: AdapterConfigInput = { method: "lora", r: 2, targetModules: ["q_proj"] };
  await expect(applyAdapter(model, config, { adapterName: "a" } as ApplyOptions)).rejects.toThrow("Did you mean name?");
  expect(adaptersOf(model).names).toEqual([]);
  const adapter = await applyAdapter(model, config);
  const wrong = { torchDtype: "BF16" } as SaveAdapterOptions;
  await expect(saveAdapter(adapter, folder, wrong)).rejects.toThrow(OptionError);
  await expect(adapterFiles(adapter, wrong)).rejects.toThrow(
    "adapterFiles: expected options among dtype, peftCompatible",
  );
  expect(readdirSync(folder)).toEqual([]);
  const loading = loadAdapter(model, folder, { adapter: "b" } as LoadAdapterOptions);
  await expect(loading).rejects.toThrow(
    "loadAdapter: expected options among name, ignore, onWarning, signal, fetchOptions, got adapter",
  );
  expect(() => readAdapterConfig({}, { ignored: [] } as object)).toThrow("Did you mean ignore?");
  expect(() => adapterLosses(model, [], { checkpointing: true } as AdapterLossOptions)).toThrow(
    "Did you mean gradientCheckpointing?",
  );
  model.dispose();
});

test("a folder without an adapter, or with half of one, is refused", async () => {
  const { model } = await loadGoldenModel("mixtral/basic");
  const at = join(folder, "adapter_config.json");
  await expect(loadAdapter(model, folder)).rejects.toThrow(
    `${at}: expected a file, got none. The folder of an adapter has it beside adapter_model.safetensors; Hugging Face peft saves`,
  );
  writeFileSync(at, JSON.stringify({ peft_type: "LORA", r: 2, target_modules: ["q_proj"] }));
  for (const source of [folder, new Map([["adapter_config.json", new Blob([readFileSync(at)])]])]) {
    await expect(loadAdapter(model, source)).rejects.toThrow(AdapterError);
    await expect(loadAdapter(model, source)).rejects.toThrow(
      "adapter_model.safetensors: expected a file, got none. The folder of an adapter has it beside adapter_config.json. One of an old peft has adapter_model.bin: convert that",
    );
  }
  expect(adaptersOf(model).names).toEqual([]);
  model.dispose();
});

test("tensors may be saved in bfloat16", async () => {
  const { model } = await loadGoldenModel("mixtral/basic");
  const adapter = await applyAdapter(model, { method: "lora", r: 2, targetModules: ["q_proj"] });
  const [wide, narrow] = [await adapterFiles(adapter), await adapterFiles(adapter, { dtype: "BF16" })];
  const size = (files: Map<string, Uint8Array>) => files.get("adapter_model.safetensors")!.length;
  expect(size(wide) - size(narrow)).toBe(2 * adapter.size);
  adaptersOf(model).delete("default");
  await loadAdapter(model, narrow);
  model.dispose();
});
