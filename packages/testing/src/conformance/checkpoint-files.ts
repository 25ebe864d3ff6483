import type { DecoderConfig } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import { encodeSafetensors, type TensorToWrite } from "@mixtape/safetensors";

/** A change to a checkpoint. */
export interface Change {
  /** Changes the list of tensors. */
  readonly tensors?: (tensors: TensorToWrite[]) => TensorToWrite[];
  /** Changes the `config.json`. */
  readonly config?: (json: Record<string, unknown>) => Record<string, unknown>;
}

/** Returns a model's checkpoint in memory, with a change, as a browser would pass it to `fromPretrained`. */
export async function checkpointFiles<C extends DecoderConfig>(
  model: ForCausalLM<C>,
  { tensors = (all) => all, config = (json) => json }: Change = {},
): Promise<Map<string, Uint8Array>> {
  const json = config({ ...model.family.config.toJSON(model.config) });
  return new Map([
    ["config.json", new TextEncoder().encode(JSON.stringify(json))],
    ["model.safetensors", await encodeSafetensors(tensors([...model.tensorsToWrite()]))],
  ]);
}
