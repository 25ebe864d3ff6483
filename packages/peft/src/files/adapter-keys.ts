import type { Adapter } from "../adapter/adapter.js";
import type { ExpertLayout } from "../targets/target-module.js";
import type { ParamTensors } from "./adapter-tensors.js";
import { mixtureTensors } from "./moe-peft-keys.js";
import { copyTensors, peftTensors } from "./peft-keys.js";

/** The tensors of an adapter as they are called on disk: by Hugging Face peft, or where it has no such kind by MoE-PEFT. */
export function adapterTensors(adapter: Adapter, layout: ExpertLayout): ParamTensors[] {
  if (adapter.config.method !== "lora") return mixtureTensors(adapter);
  return [...peftTensors(adapter, layout), ...copyTensors(adapter)];
}

/** True if a file has one tensor for each routed expert. */
export function expertLayoutOf(names: readonly string[]): ExpertLayout {
  return names.some((name) => /\.experts\.\d+\./.test(name)) ? "apart" : "fused";
}
