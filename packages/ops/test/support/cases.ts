import { type Tensor, tidy } from "@tensorflow/tfjs-core";
import { toTensors, type Values } from "./values.js";

/** An op with its inputs laid out, ready to run. */
export interface Prepared {
  run(): Tensor;
  /** Frees what belongs to neither the inputs nor the op. */
  release?(): void;
}

/** One way to use an op, with inputs to use it on. */
export interface OpCase {
  /** What is special about it. */
  readonly name: string;
  /** All inputs. Those of float32 are differentiated. */
  readonly inputs: Readonly<Record<string, Values>>;
  /** Lays tensors with the names of `inputs` out as the op takes them. */
  prepare(tensors: Readonly<Record<string, Tensor>>): Prepared;
  /** What the op is to give for inputs such as these, by its formula in float64, row-major. */
  readonly formula: (inputs: Readonly<Record<string, Values>>) => ArrayLike<number>;
  /** Whether the element of the output may have a gradient. Absent: all may. */
  readonly reads?: (index: number) => boolean;
}

/** All cases of an op. */
export interface OpEntry {
  readonly op: string;
  /** The name of its fused kernel. */
  readonly kernel: string;
  /** Whether it has a gradient. */
  readonly differentiable: boolean;
  readonly cases: readonly OpCase[];
}

export function opCase<N extends string>(
  name: string,
  inputs: Record<N, Values>,
  prepare: (tensors: Record<N, Tensor>) => Prepared | (() => Tensor),
  formula: (inputs: Record<N, Values>) => ArrayLike<number>,
  reads?: (index: number) => boolean,
): OpCase {
  return {
    name,
    inputs,
    prepare: (tensors) => {
      const prepared = prepare(tensors as Record<N, Tensor>);
      return typeof prepared === "function" ? { run: prepared } : prepared;
    },
    formula: formula as OpCase["formula"],
    reads,
  };
}

/** Runs a case once on fresh tensors and reads its output. Leaves nothing behind. */
export function runCase({ inputs, prepare }: OpCase): { shape: number[]; values: Float32Array | Int32Array } {
  return tidy(() => {
    const { run, release } = prepare(toTensors(inputs));
    const y = run();
    release?.();
    return { shape: y.shape, values: y.dataSync() as Float32Array | Int32Array };
  });
}
