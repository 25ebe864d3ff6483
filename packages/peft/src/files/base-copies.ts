import type { PreTrainedModel } from "@mixtape/decoder";
import { toFloat32 } from "@mixtape/safetensors";
import { type CopiedParam, copyOf } from "../layers/copied-param.js";
import { type ModelParam, modelParams } from "../targets/model-params.js";
import type { TargetModule } from "../targets/target-module.js";
import type { AdapterFile } from "./adapter-file.js";
import { valuesOf } from "./adapter-tensors.js";
import { PREFIX } from "./peft-keys.js";

/**
 * Copies of parameters of the model that the adapter's file has values of its own for, as Hugging Face peft loads them into the model:
 * embeddings that were saved with it (`save_embedding_layers`), and biases that were trained (`bias`). Values that are the model's
 * are left there.
 * @param pieces the target modules, whose parameters peft calls `base_layer`
 */
export async function baseCopies(
  model: PreTrainedModel,
  targets: readonly TargetModule[],
  file: AdapterFile,
  { layers, trained }: { readonly layers: readonly TargetModule[]; readonly trained: readonly CopiedParam[] },
): Promise<CopiedParam[]> {
  const copies: CopiedParam[] = [];
  const all = modelParams(model, targets);
  for (const param of all) {
    if (trained.some(({ name }) => name === param.name)) continue;
    const name = param.target && layers.includes(param.target) ? wrapped(param.name) : param.name;
    if (!file.has(PREFIX + name) || (await isSame(file, PREFIX + name, param))) continue;
    // Values of the embedding are those of a head that is tied to it: peft writes them into the one matrix.
    for (const found of all.filter((other) => other.param === param.param)) {
      const known = copies.find((copy) => copy.param === param.param);
      copies.push(copyOf(found, { isTrained: false, file: found === param ? name : null }, known?.copy));
    }
  }
  return copies;
}

function wrapped(name: string): string {
  return name.replace(/\.([^.]+)$/, ".base_layer.$1");
}

/** True if the values are the model's. Those of another shape are not, and are refused later. */
async function isSame(file: AdapterFile, name: string, { param }: ModelParam): Promise<boolean> {
  const view = file.find(name)!;
  if (view.shape.join() !== param.shape.join()) return false;
  const own = await valuesOf(param);
  return toFloat32(await view.read(), view.dtype).every((value, i) => value === own[i]);
}
