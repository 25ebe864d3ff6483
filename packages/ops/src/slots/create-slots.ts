import { mul, tidy } from "@tensorflow/tfjs-core";
import { storageOf } from "../storage.js";
import { isRecording } from "../tape.js";
import type { Slots, SlotsOptions } from "./slots.js";
import { TensorSlots } from "./tensor-slots.js";

/**
 * Empty slots as the engine in use keeps them. While tfjs records a gradient, tensors: what an engine does in storage of
 * its own has none.
 */
export function createSlots(options: SlotsOptions = {}): Slots {
  return (isRecording() ? undefined : storageOf().slots?.(options)) ?? new TensorSlots();
}

/**
 * The slots themselves, or where tfjs records a gradient and an engine keeps them in storage of its own, tensors with what
 * they hold instead; the slots are disposed then.
 */
export function slotsToAppendTo(slots: Slots): Slots {
  if (!isRecording() || slots instanceof TensorSlots) return slots;
  const tensors = new TensorSlots();
  if (slots.length > 0) {
    tidy(() => {
      const { keys, values } = slots.view();
      // A product, since a clone would be the storage itself.
      tensors.append({ keys: mul(keys, 1), values: mul(values, 1) });
    });
  }
  slots.dispose();
  return tensors;
}
