import { encodeSafetensors, fromFloat32, type TensorToWrite } from "@mixtape/safetensors";
import type { Adapter } from "./adapter.js";
import { writeAdapterConfig } from "./config.js";
import { CONFIG_FILE, TENSORS_FILE } from "./load.js";
import { storedTensors } from "./names.js";
import { take, valuesOf } from "./stored.js";

/**
 * An adapter as the files that `loadAdapter` reads, by name: `adapter_config.json` and `adapter_model.safetensors`. LoRA and
 * DoRA are in the format of Hugging Face peft, mixtures in the names of MoE-PEFT.
 */
export async function adapterFiles(adapter: Adapter): Promise<Map<string, Uint8Array>> {
  const tensors: TensorToWrite[] = [];
  for (const { param, tensors: stored } of storedTensors(adapter, "fused")) {
    const values = await valuesOf(param);
    for (const tensor of stored)
      tensors.push({
        name: tensor.name,
        dtype: "F32",
        shape: tensor.shape,
        bytes: async () => fromFloat32(take(tensor, values), "F32"),
      });
  }
  const config = `${JSON.stringify(writeAdapterConfig(adapter.config), undefined, 2)}\n`;
  return new Map([
    [CONFIG_FILE, new TextEncoder().encode(config)],
    [TENSORS_FILE, await encodeSafetensors(tensors, { format: "pt" })],
  ]);
}
