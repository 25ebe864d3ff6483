import { type Tensor, tidy } from "@tensorflow/tfjs-core";
import { currentRng, withRng } from "../random/rng.js";
import { customVjp } from "./custom-vjp.js";
import { gradientsOfAll } from "./gradients.js";
import { captureIntermediates, type Intermediate, isCapturingIntermediates, sowIntermediate } from "./intermediates.js";
import { isDifferentiated, noGrad, variablesOfRecording } from "./recording.js";

/**
 * Runs `f` and keeps only its inputs for the backward pass, which runs it again (gradient checkpointing, Chen et al. 2016,
 * https://arxiv.org/abs/1604.06174). The second run draws the same random numbers. Checkpoints may be nested. Calls `f` plainly
 * if no gradient is recorded, or if tfjs's own functions record it, which do not say with respect to what.
 *
 * @param f returns tensors that depend only on its arguments, on the variables of the gradient, such as weights, and on the
 *   current `Rng`. Other tensors that it closes over must live until the backward pass, and are constants to the gradient.
 * @param inputs arguments of `f`
 */
export function gradientCheckpoint(
  f: (inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
): Tensor[] {
  const variables = variablesOfRecording();
  if (!variables) return tidy(() => [...f(inputs)]);
  const before = currentRng()?.copy();
  const sides: Intermediate[] = [];
  const run = isCapturingIntermediates() ? (tensors: readonly Tensor[]) => withSides(f, tensors, sides) : f;
  const outputs = noGrad(() => tidy(() => [...run(inputs)]));
  const wanted = [...inputs.keys()].filter((i) => isDifferentiated(inputs[i]!));
  const differentiated = [...wanted.map((i) => inputs[i]!), ...variables];
  const named = Object.fromEntries(differentiated.map((tensor, i) => [`${i}`, tensor]));
  customVjp("MixtapeGradientCheckpoint", named, outputs, inputs, (dys, saved) => {
    const xs = [...wanted.map((i) => saved[i]!), ...variables];
    const gradients = gradientsOfAll(() => withRng(before?.copy(), () => run(saved)), xs, dys);
    return Object.fromEntries(gradients.map((gradient, i) => [`${i}`, gradient]));
  });
  const results = outputs.slice(0, outputs.length - sides.length);
  for (const [i, { from }] of sides.entries()) sowIntermediate(from, outputs[results.length + i]!);
  return results;
}

/** Returns the outputs of `f`, followed by the intermediates that it sows: all of them are outputs of the checkpoint. */
function withSides(
  f: (inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  sides: Intermediate[],
): Tensor[] {
  const { result, intermediates } = captureIntermediates(() => f(inputs));
  sides.splice(0, sides.length, ...intermediates);
  return [
    ...result,
    ...intermediates.map(({ tensor }) => {
      const output = tensor.clone();
      tensor.dispose();
      return output;
    }),
  ];
}
