import { grads, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { type OpCase, runCase } from "./cases.js";
import { normal, toTensor, toTensors, type Values } from "./values.js";

/** The inputs of a case that have a gradient. */
function differentiable({ inputs }: OpCase): string[] {
  return Object.keys(inputs).filter((name) => inputs[name]!.dtype === "float32");
}

/** A fixed gradient from above, zero where nobody reads the output. */
export function upstreamOf(opCase: OpCase): Values {
  const { shape } = runCase(opCase);
  const { values } = normal(99, shape);
  return { shape, dtype: "float32", values: values.map((value, i) => (opCase.reads?.(i) === false ? 0 : value)) };
}

/** The gradients of a case by tfjs, as tensors: one for each of {@link differentiable}. */
export function gradientTensors(opCase: OpCase, tensors: Record<string, Tensor>, upstream: Tensor): Tensor[] {
  const names = differentiable(opCase);
  let release: (() => void) | undefined;
  const f = (...xs: Tensor[]) => {
    const prepared = opCase.prepare({ ...tensors, ...Object.fromEntries(names.map((name, i) => [name, xs[i]!])) });
    release = prepared.release;
    return prepared.run();
  };
  const gradients = grads(f)(
    names.map((name) => tensors[name]!),
    upstream,
  );
  release?.();
  return gradients;
}

/** The same as values, by name. */
export function gradientsOfCase(opCase: OpCase, upstream: Values): Record<string, Float32Array> {
  return tidy(() => {
    const gradients = gradientTensors(opCase, toTensors(opCase.inputs), toTensor(upstream));
    const names = differentiable(opCase);
    return Object.fromEntries(gradients.map((gradient, i) => [names[i]!, gradient.dataSync() as Float32Array]));
  });
}

/** Half the distance of the two points of a difference. A power of two: adding it to a number near 1 rounds little. */
const STEP = 2 ** -7;

/** Elements of each input that are differenced: spread over all of it, its ends included. More in `npm run test:long`. */
const MOST_ELEMENTS = process.env.MIXTAPE_TEST_LONG ? 16 : 6;

/** One element of a gradient. */
export interface Difference {
  readonly index: number;
  readonly value: number;
}

/** Gradients of a case by central differences of the op's float32 output, summed in float64: of some elements of each input. */
export function finiteDifferences(opCase: OpCase, upstream: Values): Record<string, Difference[]> {
  const loss = (name: string, values: Float32Array): number => {
    const inputs = { ...opCase.inputs, [name]: { ...opCase.inputs[name]!, values } };
    let sum = 0;
    runCase({ ...opCase, inputs }).values.forEach((value, i) => {
      sum += value * upstream.values[i]!;
    });
    return sum;
  };
  const gradientOf = (name: string): Difference[] => {
    const at = opCase.inputs[name]!.values as Float32Array;
    return spread(at.length, MOST_ELEMENTS).map((index) => {
      const right = at.with(index, at[index]! + STEP);
      const left = at.with(index, at[index]! - STEP);
      return { index, value: (loss(name, right) - loss(name, left)) / (right[index]! - left[index]!) };
    });
  };
  return Object.fromEntries(differentiable(opCase).map((name) => [name, gradientOf(name)]));
}

/** At most `most` of the indices below `length`, evenly spread. */
function spread(length: number, most: number): number[] {
  if (length <= most) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (length - 1)) / (most - 1)));
}
