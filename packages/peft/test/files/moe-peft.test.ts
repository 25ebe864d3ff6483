/** Mixtures of LoRA experts compute what MoE-PEFT's own classes compute: `tools/reference/moe_peft_golden.py`. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ForCausalLM } from "@mixtape/decoder";
import type { Param } from "@mixtape/layers";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { expectAllClose, onEachEngine, type Values } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { adapterTensors } from "../../src/files/adapter-keys.js";
import { extractValues } from "../../src/files/adapter-tensors.js";
import {
  type AdapterBatch,
  type AdapterConfigInput,
  adapterLosses,
  adaptersOf,
  applyAdapter,
  loadAdapter,
  readAdapterConfig,
} from "../../src/index.js";
import { readTensors } from "../support/golden-adapters.js";
import { lossAndGradients } from "../support/gradients.js";

const GOLDENS = fileURLToPath(new URL("../__fixtures__/moe-peft/", import.meta.url));
const TOLERANCE = { atol: 1e-5 };

/** Dense feed-forwards of Qwen3-MoE, and Mixtral with one expert in each layer. */
const FAMILIES: Record<string, (folder: string) => Promise<ForCausalLM>> = {
  "qwen3-moe": (folder) => Qwen3MoeForCausalLM.fromPretrained(folder),
  mixtral: (folder) => MixtralForCausalLM.fromPretrained(folder),
};

/** Names of the adapters on a model. */
function adaptersIn(family: string): string[] {
  const entries = readdirSync(GOLDENS + family, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** To 2e-5 of the largest of a gradient's numbers. That of a router whose one choice always weighs 1 is zero but for rounding. */
async function expectGradient(actual: Float32Array, { values }: Values, name: string): Promise<void> {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  await expectAllClose(actual, values, { atol: Math.max(2e-5 * largest, 1e-7) }, `gradient of ${name}`);
}

function failOnWarning(message: string): void {
  throw new Error(`expected no warning, got ${message}`);
}

/** An adapter that MoE-PEFT has saved, and what it computed. */
class Golden {
  readonly tensors: Map<string, Values>;
  constructor(tensors: Map<string, Values>) {
    this.tensors = tensors;
  }

  static async read(folder: string): Promise<Golden> {
    return new Golden(await readTensors(`${folder}/golden.safetensors`));
  }

  get(name: string): Values {
    return this.tensors.get(name)!;
  }

  rows(name: string): number[][] {
    const { shape, values } = this.get(name);
    const [rows, length] = shape as [number, number];
    return Array.from({ length: rows }, (_, i) => [...values.subarray(i * length, (i + 1) * length)]);
  }

  batch(adapter: string): AdapterBatch {
    return {
      adapter,
      inputIds: this.rows("input_ids"),
      labels: this.rows("labels"),
      attentionMask: this.rows("attention_mask"),
    };
  }

  /** Logits of tokens: 0 at padding, as in the file. */
  tokens(logits: Float32Array): Float32Array {
    const mask = this.get("attention_mask").values;
    const width = logits.length / mask.length;
    return logits.map((value, i) => value * mask[Math.floor(i / width)]!);
  }
}

onEachEngine(() => {
  describe.each(Object.entries(FAMILIES))("%s", (family, load) => {
    let model: ForCausalLM;
    let embedding: Param;

    beforeAll(async () => {
      model = await load(GOLDENS + family);
      embedding = [...model.namedParameters()].find(([name]) => name.includes("embed"))![1];
      embedding.unfreeze();
    });
    afterEach(() => {
      for (const name of adaptersOf(model).names) adaptersOf(model).delete(name);
    });
    afterAll(() => model.dispose());

    test.each(adaptersIn(family))("%s: logits, losses, and gradients of the adapter and the input", async (name) => {
      const folder = `${GOLDENS}${family}/${name}`;
      const golden = await Golden.read(folder);
      const adapter = await loadAdapter(model, folder, { onWarning: failOnWarning });
      const batch = golden.batch("default");
      const { logits } = model.forward(batch);
      const ofTokens = golden.tokens((await logits.data()) as Float32Array);
      await expectAllClose(ofTokens, golden.get("logits").values, TOLERANCE, "logits");
      logits.dispose();

      const { loss, losses } = adapterLosses(model, [batch]);
      const { lmLoss, routerLoss } = losses[0]!;
      await expectAllClose(lmLoss, golden.get("lm_loss"), TOLERANCE, "lm loss");
      if (golden.tensors.has("router_loss"))
        await expectAllClose(routerLoss!, golden.get("router_loss"), TOLERANCE, "router loss");
      else expect(routerLoss).toBeUndefined();
      dispose([loss, losses[0]!.loss, lmLoss, ...(routerLoss ? [routerLoss] : [])]);

      adapter.unfreeze();
      const stored = adapterTensors(adapter, "fused");
      const found = await lossAndGradients(
        () => adapterLosses(model, [batch]).loss,
        [embedding, ...stored.map(({ param }) => param)],
      );
      expect(found.loss).toBeCloseTo(golden.get("loss").values[0]!, 5);
      const [ofInput, ...gradients] = found.gradients;
      await expectGradient(ofInput!, golden.get("grad.embed_tokens"), "embed_tokens");
      for (const [i, { tensors }] of stored.entries())
        for (const tensor of tensors)
          await expectGradient(extractValues(tensor, gradients[i]!), golden.get(`grad.${tensor.name}`), tensor.name);
    });

    test("two in one batch: the losses that each has alone", async () => {
      const goldens = new Map<string, Golden>();
      for (const name of ["mixlora", "dynamic"]) {
        await loadAdapter(model, `${GOLDENS}${family}/${name}`, { name });
        goldens.set(name, await Golden.read(`${GOLDENS}${family}/${name}`));
      }
      const { loss, losses } = adapterLosses(
        model,
        [...goldens].map(([name, golden]) => golden.batch(name)),
      );
      for (const own of losses) {
        const golden = goldens.get(own.adapter)!;
        await expectAllClose(own.lmLoss, golden.get("lm_loss"), TOLERANCE, `${own.adapter}: lm loss`);
        await expectAllClose(own.routerLoss!, golden.get("router_loss"), TOLERANCE, `${own.adapter}: router loss`);
      }
      dispose([loss, ...losses.flatMap(({ loss, lmLoss, routerLoss }) => [loss, lmLoss, routerLoss!])]);
    });
  });
});

describe("where MoE-PEFT departs from the papers", () => {
  /** As docs/adapters.md has it: everything else agrees. */
  const DEPARTURES: Record<string, string[]> = {
    "mixtral/switch": ["inference_logits", "router_loss"],
    "qwen3-moe/dynamic-padded": ["router_loss"],
    "qwen3-moe/switch": ["inference_logits"],
    "qwen3-moe/switch-beyond-capacity": ["inference_logits", "logits", "router_loss"],
    "qwen3-moe/switch-padded": ["inference_logits", "logits", "router_loss"],
  };
  const names = Object.keys(FAMILIES).flatMap((family) => adaptersIn(family).map((name) => `${family}/${name}`));

  test.each(names)("%s", async (name) => {
    const { tensors } = await Golden.read(GOLDENS + name);
    const theirs = [...tensors.keys()].filter((key) => key.startsWith("moe_peft.")).sort();
    expect(theirs.map((key) => key.replace("moe_peft.", ""))).toEqual(DEPARTURES[name] ?? []);
    for (const key of theirs) {
      const ours = tensors.get(key.replace(/moe_peft\.(inference_)?/, ""))!;
      await expect(expectAllClose(ours, tensors.get(key)!, { atol: 1e-4 })).rejects.toThrow("Worst at");
    }
  });
});

describe("keys of MoE-PEFT's config", () => {
  const folder = `${GOLDENS}qwen3-moe/mixlora`;
  const files = (changes: object): Map<string, Uint8Array> => {
    const config = JSON.parse(readFileSync(`${folder}/adapter_config.json`, "utf8"));
    return new Map([
      ["adapter_config.json", new TextEncoder().encode(JSON.stringify({ ...config, ...changes }))],
      ["adapter_model.safetensors", readFileSync(`${folder}/adapter_model.safetensors`)],
    ]);
  };
  let model: ForCausalLM;
  beforeAll(async () => {
    model = await Qwen3MoeForCausalLM.fromPretrained(`${GOLDENS}qwen3-moe`);
  });
  afterAll(() => model.dispose());

  test.each([
    { act_fn: "silu" },
    { act_fn: "swish" },
    { act_fn: null },
    { sparse_step: 2 },
    { task_type: "CAUSAL_LM" },
  ])("%j changes nothing", async (changes) => {
    const adapter = await loadAdapter(model, files(changes), { onWarning: failOnWarning });
    expect(adapter.config.method).toBe("mixlora");
    adaptersOf(model).delete("default");
  });

  test.each([
    [
      { act_fn: "gelu" },
      "act_fn: expected silu, the activation of the model's feed-forwards, got gelu. The adapter belongs to another model",
    ],
    [{ act_fn: "tanh" }, 'adapter_config.json: act_fn: expected one of "silu", "gelu"'],
    [{ use_dora: true }, "use_dora: expected false"],
    [{ expert_lora: { r: 4 } }, "expert_lora: expected null"],
    [{ num_experts: 1, top_k: 1 }, "num_experts: expected an integer from 2"],
    [{ target_modules: ["gate_proj", "fc1"] }, "targetModules: expected targets that match"],
  ])("%j is refused", async (changes, message) => {
    await expect(loadAdapter(model, files(changes))).rejects.toThrow(message);
  });
});

describe("first values spread as MoE-PEFT's", () => {
  interface Spread {
    readonly deviation: number;
    readonly largest: number;
  }
  interface Fresh {
    readonly config: Record<string, unknown>;
    readonly values: Readonly<Record<string, Spread>>;
  }
  const { adapters } = JSON.parse(readFileSync(`${GOLDENS}first-values.json`, "utf8")) as { adapters: Fresh[] };
  let model: ForCausalLM;
  beforeAll(async () => {
    model = await Qwen3MoeForCausalLM.fromPretrained(`${GOLDENS}qwen3-moe`);
  });
  afterAll(() => model.dispose());

  test.each(adapters)("$config.routing_strategy, $config.router_init_range, $config.lora_init", async (fresh) => {
    const { method, ...config } = readAdapterConfig(fresh.config);
    const { routingStrategy, ...input } = config as Extract<typeof config, { readonly routingStrategy: unknown }>;
    const adapter = await applyAdapter(model, { method, ...input } as AdapterConfigInput);
    for (const [part, { deviation, largest }] of Object.entries(fresh.values)) {
      const params = [...adapter.namedParameters()].filter(([name]) => name.endsWith(`.${part}`));
      const values: number[] = [];
      for (const [, { weight }] of params) for (const tensor of weight.parts) values.push(...(await tensor.data()));
      const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      const found = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      // 4096 values or more: their deviation is known to about 1 %.
      expect(Math.abs(found - deviation), part).toBeLessThanOrEqual(0.05 * deviation);
      const isUniform = largest < 2 * deviation;
      if (isUniform) expect(Math.abs(most - largest), part).toBeLessThan(0.01 * largest);
    }
    adaptersOf(model).delete("default");
  });
});
