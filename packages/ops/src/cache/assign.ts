import { getBackend, type Tensor } from "@tensorflow/tfjs-core";
import { isRecording } from "../autodiff/recording.js";
import { storageOf } from "../engines/engines.js";
import { OpsError } from "../errors.js";
import { sameShape } from "../math/shapes.js";

/**
 * Returns whether {@link assign} can write a value into a tensor: the engine in use supports it, both are float32 of one shape,
 * and no gradient is recorded, which would need the old values.
 */
export function canAssign(target: Tensor | undefined, value: Tensor): boolean {
  return (
    target !== undefined &&
    storageOf().assign !== undefined &&
    !isRecording() &&
    target.dtype === "float32" &&
    value.dtype === "float32" &&
    sameShape(target.shape, value.shape)
  );
}

/**
 * Writes a value into the memory of a tensor and of its clones. For state that a captured graph updates in the memory where the
 * next replay reads it; all other code creates new tensors. An engine offers it as `Storage.assign`.
 *
 * @param target float32
 * @param value float32, the same shape
 * @throws {OpsError} if it cannot: see {@link canAssign}.
 */
export function assign(target: Tensor, value: Tensor): void {
  if (!canAssign(target, value))
    throw new OpsError({
      where: "assign",
      expected: `an engine that writes in place, no gradient, and a value float32 [${target.shape}]`,
      got: `${getBackend()} and ${value.dtype} [${value.shape}]`,
    });
  storageOf().assign!(target, value);
}
