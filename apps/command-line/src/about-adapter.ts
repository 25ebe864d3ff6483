import type { Adapter, AdapterConfig } from "@mixtape/peft";
import { whole } from "./format.js";

/** Describes an adapter: `dora of rank 8, 61,440 parameters`. */
export function aboutAdapter({ config, size }: Adapter): string {
  return `${kindOf(config)} of rank ${config.r}, ${whole(size)} parameters`;
}

function kindOf(config: AdapterConfig): string {
  if (config.method !== "lora") return config.method;
  return config.useDora ? "dora" : config.useRslora ? "rslora" : "lora";
}
