import { type Tensor, tidy } from "@tensorflow/tfjs-core";
import { currentRng, withRng } from "../random/rng.js";
import { captureIntermediates, type Intermediate, isCapturingIntermediates, sowIntermediate } from "./intermediates.js";
import { customVjp, gradientsOfAll, isDifferentiated, noGrad, variablesOfRecording } from "./tape.js";

/**
 * Runs `f`, and keeps nothing of it for the way back but what goes in: there it is run again (gradient checkpointing, Chen et
 * al. 2016, https://arxiv.org/abs/1604.06174). What dropout and jitter drew, they draw again. It may be nested. Where no gradient
 * is recorded, or by tfjs's own functions, which do not tell what by, it is `f` itself.
 *
 * @param f gives tensors, decided by its arguments, by what is differentiated by, such as weights, and by the current randomness
 *   alone. Other tensors that it closes over must live until the way back, and are constants to the gradient.
 * @param inputs what `f` is called with
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

/** What `f` gives, and after that what it hands out on the side, which so are outputs of the checkpoint. */
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
