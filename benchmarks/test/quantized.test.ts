import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ForCausalLM, loadModel, openGguf } from "@mixtape/mixtape";
import { toFloat32 } from "@mixtape/safetensors";
import { onEachEngine } from "@mixtape/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workOf } from "../src/shapes/work.js";
import { promptOf } from "../src/tasks.js";
import { afmoe } from "../src/weights/afmoe.js";
import { mixtral } from "../src/weights/mixtral.js";
import { type RandomModel, sizeOf } from "../src/weights/model.js";
import { type FileType, quantized } from "../src/weights/quantized.js";
import { qwen3Moe } from "../src/weights/qwen3-moe.js";
import { writeGguf } from "../src/weights/write-gguf.js";

const SIZES = { vocab: 512, hidden: 256, heads: 2, kvHeads: 1, headDim: 128, width: 256, perToken: 2 };
const MIXTRAL = mixtral({ ...SIZES, layers: 2, experts: 8 });
const AFMOE = afmoe({
  ...SIZES,
  layers: 56,
  experts: 16,
  denseLayers: 2,
  denseWidth: 256,
  sharedExperts: 1,
  window: 64,
});
const QWEN = qwen3Moe({ ...SIZES, layers: 4, experts: 16, denseWidth: 256 });

/** Formats by the tensor's name without its layer; those that differ by layer, with the layers. */
function formatsOf({ weights }: RandomModel): Record<string, string> {
  const byName = new Map<string, Map<string, string[]>>();
  for (const { gguf, blocks } of weights) {
    if (!blocks) continue;
    const [, layer = "", name = gguf] = /^blk\.(\d+)\.(.*)\.weight$/.exec(gguf) ?? [];
    const formats = byName.get(name) ?? new Map<string, string[]>();
    byName.set(name, formats.set(blocks, [...(formats.get(blocks) ?? []), layer]));
  }
  return Object.fromEntries(
    [...byName].map(([name, formats]) => [
      name,
      formats.size === 1
        ? [...formats.keys()][0]!
        : [...formats].map(([format, layers]) => `${format} ${layers.join(",")}`).join("; "),
    ]),
  );
}

describe("formats of tensors are those that llama.cpp's own quantiser chose for these models", () => {
  test("Mixtral, whose attention is small beside its 8 experts", () => {
    expect(formatsOf(quantized(MIXTRAL, "Q4_K_M"))).toEqual({
      "token_embd.weight": "Q4_K",
      attn_q: "Q4_K",
      attn_k: "Q8_0",
      attn_v: "Q8_0",
      attn_output: "Q5_K",
      ffn_gate_exps: "Q4_K",
      ffn_up_exps: "Q4_K",
      ffn_down_exps: "Q4_K 0; Q6_K 1",
      "output.weight": "Q6_K",
    });
  });

  test("Qwen3-MoE", () => {
    expect(formatsOf(quantized(QWEN, "Q4_K_M"))).toEqual({
      "token_embd.weight": "Q4_K",
      attn_q: "Q4_K",
      attn_k: "Q4_K",
      attn_v: "Q4_K 0,1; Q6_K 2,3",
      attn_output: "Q4_K",
      ffn_gate_exps: "Q4_K",
      ffn_up_exps: "Q4_K",
      ffn_down_exps: "Q4_K 0,1; Q6_K 2,3",
      "output.weight": "Q6_K",
    });
  });

  test("AFMoE, with dense layers and shared experts", () => {
    const more = "18,21,24,27,30,33,36,39,42,45,48,49,50,51,52,53,54,55";
    const less = "7,8,10,11,13,14,16,17,19,20,22,23,25,26,28,29,31,32,34,35,37,38,40,41,43,44,46,47";
    expect(formatsOf(quantized(AFMOE, "Q4_K_M"))).toEqual({
      "token_embd.weight": "Q4_K",
      attn_q: "Q4_K",
      attn_k: "Q4_K",
      attn_v: `Q6_K 0,1,2,3,4,5,6,9,12,15,${more}; Q4_K ${less}`,
      attn_gate: "Q4_K",
      attn_output: "Q4_K",
      ffn_gate: "Q4_K",
      ffn_up: "Q4_K",
      ffn_down: "Q6_K",
      ffn_gate_shexp: "Q4_K",
      ffn_up_shexp: "Q4_K",
      ffn_down_shexp: `Q6_K 2,3,4,5,6,9,12,15,${more}; Q4_K ${less}`,
      ffn_gate_exps: "Q4_K",
      ffn_up_exps: "Q4_K",
      ffn_down_exps: `Q6_K 2,3,4,5,6,9,12,15,${more}; Q4_K ${less}`,
      "output.weight": "Q6_K",
    });
  });

  test.each([MIXTRAL, QWEN, AFMOE])("of Q8_0 all matrices have the same", (model) => {
    expect(new Set(Object.values(formatsOf(quantized(model, "Q8_0"))))).toEqual(new Set(["Q8_0"]));
  });
});

describe.each<FileType>(["Q4_K_M", "Q8_0"])("a random model in %s", (type) => {
  const random = quantized(MIXTRAL, type);
  let folder: string;
  let path: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "quantized-"));
    path = join(folder, "model.gguf");
    await writeGguf(path, random, () => undefined);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("has values with a mean of zero and the deviation that was asked for, in every format", async () => {
    const tensors = await (await openGguf(path)).openTensors();
    for (const { name, distribution, stored } of random.weights) {
      if (stored !== "matrix") continue;
      const values = toFloat32(await tensors.tensor(name.replace("*", "3")).read(), "F32");
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
      // Codes of 6 bits go from -32 to 31.
      expect(Math.abs(mean), name).toBeLessThan(0.04 * distribution.deviation);
      expect(Math.sqrt(square) / distribution.deviation, name).toBeCloseTo(1, 1);
    }
    await tensors.close();
  });

  test("has work counted in the bytes of its blocks", async () => {
    const { weights, bytes, routedBytes, routedShare } = await workOf(path);
    expect(routedShare).toBe(0.25);
    const used = random.weights.filter(({ gguf }) => gguf !== "token_embd.weight");
    const share = ({ experts }: (typeof used)[number]) => (experts ? experts * routedShare : 1);
    expect(weights).toBe(used.reduce((sum, weight) => sum + share(weight) * sizeOf(weight.shape), 0));
    // What is left of the file is the header, the embedding, and the experts that a token does not use.
    const { size } = await stat(path);
    const bits = { Q4_K: 4.5, Q5_K: 5.5, Q6_K: 6.5625, Q8_0: 8.5 };
    const bytesOf = (weight: (typeof used)[number]) =>
      (sizeOf(weight.shape) * (weight.blocks ? bits[weight.blocks] : 32)) / 8;
    expect(bytes).toBe(used.reduce((sum, weight) => sum + share(weight) * bytesOf(weight), 0));
    expect(routedBytes).toBe(
      used.reduce((sum, weight) => sum + (weight.experts ? share(weight) * bytesOf(weight) : 0), 0),
    );
    const idle = routedBytes / routedShare - routedBytes;
    expect(size - bytes - idle).toBeGreaterThan(SIZES.vocab * SIZES.hidden * (type === "Q8_0" ? 8.5 / 8 : 4.5 / 8));
  });

  onEachEngine((engine) => {
    let model: ForCausalLM;
    beforeAll(async () => {
      model = await loadModel(path, { engine });
    });
    afterAll(() => model.dispose());

    test("loads, gives finite logits, and routes tokens to all experts of every layer", async () => {
      const inputIds = [promptOf({ promptTokens: 128 }, SIZES.vocab)];
      const { logits, routerLogits } = model.forward({ inputIds, outputRouterLogits: true });
      expect((await logits.data()).every(Number.isFinite)).toBe(true);
      expect(routerLogits).toHaveLength(2);
      for (const layer of routerLogits!) {
        const firsts = (await layer.array()).map((row) => row.indexOf(Math.max(...row)));
        expect(new Set(firsts).size).toBe(8);
      }
    });
  });
});
