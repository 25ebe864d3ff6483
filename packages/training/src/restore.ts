import { Param } from "@mixtape/layers";
import { type TensorView, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { TrainingError } from "./errors.js";

/** Returns a parameter with the layout of `param`, in float32, with the values of a view. The caller owns its parts. */
export async function withValues(param: Param, view: TensorView): Promise<Param> {
  const restored = new Param(param.shape, param.role);
  restored.unfreeze();
  await restored.load(view);
  return restored;
}

/**
 * Reads a saved tensor whole, and checks its numbers.
 * @param least lowest allowed number
 * @throws {TrainingError} for a number that is not finite, or too low
 */
export async function readChecked(
  view: TensorView,
  where: string,
  least = Number.NEGATIVE_INFINITY,
): Promise<TensorView> {
  const bytes = await view.read();
  const bad = toFloat32(bytes, view.dtype).find((value) => !(Number.isFinite(value) && value >= least));
  if (bad !== undefined)
    throw new TrainingError({
      where: `${where}: ${view.name}`,
      expected: least === Number.NEGATIVE_INFINITY ? "finite numbers" : `finite numbers of at least ${least}`,
      got: `${bad}`,
      fix: "The run had diverged, or its files are damaged: start it again in another folder",
    });
  return viewOfBytes(view.name, view.dtype, view.shape, bytes);
}
