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

/** Half the distance of the two points of a difference, in float64. */
const STEP = 1e-4;

const differences = new WeakMap<OpCase, Record<string, Float64Array>>();

/** Gradients of a case's formula by central differences in float64, of every element. They are the same on each engine. */
export function finiteDifferences(opCase: OpCase, upstream: Values): Record<string, Float64Array> {
  const known = differences.get(opCase);
  if (known) return known;
  const lossAt = (name: string, index: number, step: number): number => {
    const values = Float64Array.from(opCase.inputs[name]!.values);
    values[index]! += step;
    // Formulas read numbers of any precision.
    const moved = { ...opCase.inputs[name]!, values: values as unknown as Float32Array };
    const y = opCase.formula({ ...opCase.inputs, [name]: moved });
    let sum = 0;
    // What nobody reads may be NaN.
    for (const [i, value] of upstream.values.entries()) if (value !== 0) sum += value * y[i]!;
    return sum;
  };
  const gradientOf = (name: string): Float64Array =>
    Float64Array.from(
      opCase.inputs[name]!.values,
      (_, index) => (lossAt(name, index, STEP) - lossAt(name, index, -STEP)) / (2 * STEP),
    );
  const found = Object.fromEntries(differentiable(opCase).map((name) => [name, gradientOf(name)]));
  differences.set(opCase, found);
  return found;
}
