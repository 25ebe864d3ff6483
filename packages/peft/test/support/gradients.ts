import type { Param } from "@mixtape/layers";
import { logicalTensor, valueAndGradientsOf } from "@mixtape/ops";
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import { dispose, zerosLike } from "@tensorflow/tfjs-core";

/** A loss and its gradient by each parameter, in the parameter's logical shape; zeros where the loss does not use it. */
export async function lossAndGradients(
  loss: () => Scalar,
  params: readonly Param[],
): Promise<{ loss: number; gradients: Float32Array[] }> {
  const parts = params.flatMap(({ weight }) => weight.parts as Tensor[]);
  const { value, gradients: found } = valueAndGradientsOf(loss, parts);
  const all = parts.map((part, i) => found[i] ?? zerosLike(part));
  const gradients: Float32Array[] = [];
  let next = 0;
  for (const { weight } of params) {
    const own = all.slice(next, next + weight.parts.length);
    next += own.length;
    const logical = logicalTensor({ ...weight, parts: own });
    gradients.push(Float32Array.from(await logical.data()));
    logical.dispose();
  }
  const [number] = await value.data();
  dispose([value, ...all]);
  return { loss: number!, gradients };
}
