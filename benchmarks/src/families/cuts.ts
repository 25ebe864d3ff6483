/** Released models with few layers, 16 experts and a small vocabulary, as wide as they are. */

import { readFile } from "node:fs/promises";

/** A part of a released model. */
export interface Cut {
  /** The family. */
  readonly name: string;
  /** Published config of the full model. */
  readonly released: string;
  /** Description of the cut. */
  readonly layers: string;
  /** Keys of the config that differ. */
  readonly changes: Readonly<Record<string, unknown>>;
}

const EXPERTS = 16;
/** As in the other shapes; no id of the released vocabulary is left to stop at. */
const SMALL = { vocab_size: 32_000, bos_token_id: null, eos_token_id: null, pad_token_id: null };

export const CUTS: readonly Cut[] = [
  {
    name: "olmoe",
    released: "OLMoE-1B-7B-0924",
    layers: "4 of 16 layers",
    changes: { ...SMALL, num_hidden_layers: 4, num_experts: EXPERTS },
  },
  {
    name: "qwen2-moe",
    released: "Qwen1.5-MoE-A2.7B-Chat",
    layers: "4 of 24 layers",
    changes: { ...SMALL, num_hidden_layers: 4, num_experts: EXPERTS, max_window_layers: 4 },
  },
  {
    name: "qwen3-next",
    released: "Qwen3-Next-80B-A3B-Instruct",
    layers: "4 of 48 layers, 3 of them gated DeltaNet",
    changes: { ...SMALL, num_hidden_layers: 4, num_experts: EXPERTS },
  },
  {
    name: "gpt-oss",
    released: "gpt-oss-20b",
    layers: "2 of 24 layers, 1 of them sliding",
    changes: {
      ...SMALL,
      num_hidden_layers: 2,
      num_local_experts: EXPERTS,
      layer_types: ["sliding_attention", "full_attention"],
    },
  },
  {
    name: "deepseek-v3",
    released: "DeepSeek-V3",
    layers: "2 of 61 layers, 1 of them dense",
    changes: {
      ...SMALL,
      num_hidden_layers: 2,
      first_k_dense_replace: 1,
      n_routed_experts: EXPERTS,
      num_nextn_predict_layers: 0,
    },
  },
];

/** Returns the config of a cut, with the keys of its file. */
export async function configOf({ released, changes }: Cut): Promise<Record<string, unknown>> {
  const path = new URL(`../../../packages/testing/__fixtures__/configs/${released}.json`, import.meta.url);
  return { ...(JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>), ...changes };
}
