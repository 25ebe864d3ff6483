import type { Adapter } from "../adapter/adapter.js";
import type { AdapterLayer } from "../layers/adapter-layer.js";
import { LoraMoe } from "../layers/lora-moe.js";
import type { TargetModule } from "../targets/target-module.js";
import { type AdapterTensor, type ParamTensors, whole } from "./adapter-tensors.js";

/**
 * The tensors of a mixture in the names of MoE-PEFT: `mixlora.layers.0.mlp.gate_proj.experts.2.lora_A.weight`, and for routers
 * `moe_gate.weight`. A routed expert's linear maps are its own: `mixlora.layers.0.mlp.experts.5.gate_proj`.
 */
export function mixtureTensors(adapter: Adapter): ParamTensors[] {
  const { method } = adapter.config;
  const prefix = method.startsWith("mixlora") ? "mixlora" : method;
  const nameOf = (name: string): string => name.replace(/^model\./, `${prefix}.`);
  return [
    ...[...adapter.layers].flatMap(([target, layer]) => ofLayer(nameOf(target.name), target, layer)),
    ...[...adapter.routers.values()].map(({ name, router }) => whole([`${nameOf(name)}.moe_gate.weight`], router.gate)),
  ];
}

function ofLayer(name: string, target: TargetModule, layer: AdapterLayer): ParamTensors[] {
  const { rank, experts } = layer.options;
  const { kind, matrices, inFeatures, outFeatures } = target;
  const width = experts * rank;
  const parts = Array.from({ length: matrices * experts }, (_, i) => ({
    matrix: Math.floor(i / experts),
    e: i % experts,
  }));
  const nameAt = (matrix: number): string => (kind !== "experts" ? name : name.replace(/\.([^.]+)$/, `.${matrix}.$1`));
  const loraName = (matrix: number, e: number): string =>
    experts === 1 ? nameAt(matrix) : `${nameAt(matrix)}.experts.${e}`;
  const loraA = parts.map(({ matrix, e }): AdapterTensor => {
    const first = (matrix * width + e * rank) * inFeatures;
    return { name: `${loraName(matrix, e)}.lora_A.weight`, shape: [rank, inFeatures], at: (i) => first + i };
  });
  const loraB = parts.map(({ matrix, e }): AdapterTensor => {
    const at = (i: number): number => (matrix * outFeatures + Math.floor(i / rank)) * width + e * rank + (i % rank);
    return { name: `${loraName(matrix, e)}.lora_B.weight`, shape: [outFeatures, rank], at };
  });
  const stored = [
    { param: layer.loraA, tensors: loraA },
    { param: layer.loraB, tensors: loraB },
  ];
  if (!(layer instanceof LoraMoe)) return stored;
  const size = experts * inFeatures;
  const gates = Array.from({ length: matrices }, (_, matrix): AdapterTensor => {
    return { name: `${nameAt(matrix)}.moe_gate.weight`, shape: [experts, inFeatures], at: (i) => matrix * size + i };
  });
  return [...stored, { param: layer.gate, tensors: gates }];
}
