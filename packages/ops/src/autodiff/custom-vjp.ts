import { engine, getBackend, getKernel, keep, type Tensor, zerosLike } from "@tensorflow/tfjs-core";
import { noGrad, type TapeNode } from "./recording.js";

/**
 * Backward function of a recorded operation: returns the gradients with respect to its inputs by name, undefined for those that
 * the outputs do not depend on. `dys` are the gradients with respect to the outputs, null for an output that nothing depends on.
 */
export type Backward = (
  dys: readonly (Tensor | null)[],
  saved: readonly Tensor[],
) => Readonly<Record<string, Tensor | undefined>>;

/** Backward function of a node, given the gradients with respect to its outputs. */
type NodeBackward = (dys: readonly (Tensor | null)[]) => ReturnType<Backward>;

const backwards = new WeakMap<TapeNode, NodeBackward>();

/** Returns the backward function of a node that {@link customVjp} recorded; undefined for a node of tfjs. */
export function backwardOf(node: TapeNode): NodeBackward | undefined {
  return backwards.get(node);
}

/**
 * Records an operation with a backward function of its own, after it ran without recording.
 * @param inputs differentiated inputs, by name
 * @param saved tensors that the backward pass needs; they are kept even if the caller disposes them
 * @param backward returns the gradients with respect to `inputs`, by the same names
 */
export function customVjp(
  name: string,
  inputs: Record<string, Tensor>,
  outputs: readonly Tensor[],
  saved: readonly Tensor[],
  backward: Backward,
): void {
  const { state } = engine();
  const held = saved.map(hold);
  // Indices have no gradient: what is computed from them is a constant.
  const floats = outputs.filter(({ dtype }) => dtype === "float32");
  const differentiated: NodeBackward = (dys) => {
    const left = [...dys];
    return backward(
      outputs.map(({ dtype }) => (dtype === "float32" ? (left.shift() ?? null) : null)),
      held,
    );
  };
  const node: TapeNode = {
    id: state.nextTapeNodeId++,
    kernelName: name,
    inputs,
    outputs: floats,
    saved: held,
    // As tfjs asks for it.
    gradient: (dys) => {
      const gradients = differentiated(dys);
      return Object.fromEntries(
        Object.entries(inputs).map(([input, x]) => [input, () => gradients[input] ?? zerosLike(x)]),
      );
    },
  };
  backwards.set(node, differentiated);
  state.activeTape.push(node);
}

/** Returns a second tensor with the same values, which outlives all tidies. tfjs's clone copies them on some engines. */
function hold(tensor: Tensor): Tensor {
  const reshape = getKernel("Reshape", getBackend());
  // For a gradient of a gradient the copy has to be on the tape, as tfjs's clones always are.
  if (!reshape || engine().state.gradientDepth > 1) return keep(tensor.clone());
  return keep(noGrad(() => engine().runKernel<Tensor>("Reshape", { x: tensor }, { shape: tensor.shape })));
}
