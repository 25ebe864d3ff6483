import { addN, engine, mul, ones, type Scalar, scalar, sum, type Tensor, tidy, zerosLike } from "@tensorflow/tfjs-core";
import { runBackward } from "./backward-pass.js";
import { forgetConstants, isRecording, withRecording } from "./recording.js";

/**
 * Computes the gradients of `f` with respect to `xs`, given the gradient `dy` of its value. Zero if `f` does not use an `x`.
 *
 * Unlike `tf.grads` it may be called in a custom gradient, in the forward and the backward pass: tfjs has one tape, which a
 * nested call clears, and records nothing in the forward pass of a custom gradient.
 */
export function gradientsOf(f: () => Tensor, xs: readonly Tensor[], dy: Tensor): Tensor[] {
  return tidy(() => gradientsOfAll(() => [f()], xs, [dy]).map((gradient, i) => gradient ?? zerosLike(xs[i]!)));
}

/** Computes the gradients of several values at once. A gradient is undefined if no value uses the `x`. */
export function gradientsOfAll(
  f: () => readonly Tensor[],
  xs: readonly Tensor[],
  dys: readonly (Tensor | null)[],
): (Tensor | undefined)[] {
  return tidy(() => {
    if (!isRecording()) return differentiate(f, xs, () => dys).gradients;
    // A gradient of this gradient is recorded: let tfjs record it.
    const weighted = () => addN(f().flatMap((value, i) => (dys[i] ? [sum(mul(value, dys[i]))] : [])));
    return engine().gradients(weighted, [...xs], scalar(1), true).grads;
  });
}

/**
 * Computes a value and its gradients with respect to `xs`, undefined for those that `f` does not use. The caller owns all of
 * them.
 *
 * Only tensors that depend on `xs` are kept and differentiated, and each is freed as soon as the backward pass has used it.
 */
export function valueAndGradientsOf(
  f: () => Scalar,
  xs: readonly Tensor[],
): { value: Scalar; gradients: (Tensor | undefined)[] } {
  return tidy(() => {
    const { values, gradients } = differentiate(
      () => [f()],
      xs,
      ([value]) => [ones(value!.shape)],
    );
    return { value: values[0] as Scalar, gradients };
  });
}

/** Runs `f` on a new tape and then the backward pass. Call it in a tidy. */
function differentiate(
  f: () => readonly Tensor[],
  xs: readonly Tensor[],
  upstream: (values: readonly Tensor[]) => readonly (Tensor | null)[],
): { values: Tensor[]; gradients: (Tensor | undefined)[] } {
  return withRecording(xs, (recording) => {
    const values = tidy(() => [...f()]);
    engine().state.gradientDepth = 0;
    forgetConstants(recording);
    return { values, gradients: runBackward(recording, values, upstream(values)) };
  });
}
