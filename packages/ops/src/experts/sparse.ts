import { concat, gather, type Tensor2D, tensor1d } from "@tensorflow/tfjs-core";
import type { Activation } from "../activations.js";
import { type GatedMlpWeights, gatedMlp } from "../gated-mlp.js";
import { matrixAt } from "../weight.js";
import { type Routed, weighChoices } from "./routed.js";

/** Reads the indices back, and runs each routed expert on its tokens. */
export function sparse({ x, indices, weights }: Routed, stacks: GatedMlpWeights, activation: Activation): Tensor2D {
  const [t, k] = indices.shape;
  const choicesOf = groupByExpert(indices.dataSync() as Int32Array);
  const outputs = [...choicesOf].map(([expert, choices]) => {
    const own = {
      gate: matrixAt(stacks.gate, expert),
      up: matrixAt(stacks.up, expert),
      down: matrixAt(stacks.down, expert),
    };
    const tokens =
      t === 1
        ? x
        : gather(
            x,
            tensor1d(
              choices.map((choice) => Math.floor(choice / k)),
              "int32",
            ),
          );
    return gatedMlp(tokens as Tensor2D, own, activation);
  });
  const byExpert = outputs.length === 1 ? outputs[0]! : concat(outputs, 0);
  // The choices of one token come in its own order already, each expert once.
  if (t === 1) return weighChoices(byExpert, weights);
  const rowOf = new Int32Array(t * k);
  [...choicesOf.values()].flat().forEach((choice, row) => {
    rowOf[choice] = row;
  });
  return weighChoices(gather(byExpert, tensor1d(rowOf, "int32")), weights);
}

/** Expert to the positions of `indices` that name it, in order of first appearance. */
function groupByExpert(indices: Int32Array): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  indices.forEach((expert, choice) => {
    const group = groups.get(expert);
    if (group) group.push(choice);
    else groups.set(expert, [choice]);
  });
  return groups;
}
