import { type Dtype, fromFloat32, type TensorView, toFloat32, toFloat32Transposed } from "@mixtape/safetensors";
import { dispose, type Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import type { KeyValueStore, KeyValueStoreOptions } from "./key-value-store.js";
import { logicalTensor, matrixAt, type Weight, type WeightRole, type WeightView } from "./weight.js";

/** Storage of weights on an engine. Each engine declares one; `layers` uses that of the engine in use. */
export interface Storage {
  /** One line for people: `"float32, matrices transposed"`. */
  readonly description: string;
  /** True if weights stay in their files, mapped: the system reads what is used, and memory is no limit. Default: false. */
  readonly mapped?: boolean;
  /**
   * Reads a view once and creates a weight of this engine.
   * @throws {OpsError} if the view has not the rank of the role: 1 for a vector, 2 for vectors, a matrix and a table, 3 for a
   *   stack.
   */
  place(view: WeightView, role: WeightRole): Promise<Weight>;
  /**
   * Returns the size in bytes of a weight of that logical shape on this engine.
   * @param view its values, for an engine that keeps quantised ones as they are. Default: values of `dtype`
   */
  bytes(shape: readonly number[], role: WeightRole, dtype: Dtype, view?: WeightView): number;
  /**
   * Returns how many of those bytes stay in the file, mapped. Default: none.
   * @param view values on disk
   */
  mappedBytes?(view: WeightView, role: WeightRole): number;
  /**
   * Sets the memory that mapped experts of all models may take together, in bytes. Where they are larger, those that a router has
   * chosen are read when they are needed, and those used least give up their memory.
   */
  limitExperts?(bytes: number): void;
  /** Returns what became of the mapped experts of all models since `limitExperts` was last called. */
  expertMemory?(): ExpertMemory;
  /** Returns an empty store of keys and values. Default: tensors that are concatenated anew at each `append`. */
  keyValueStore?(options: KeyValueStoreOptions): KeyValueStore;
  /** Writes float32 values into the memory of a tensor of the same shape. Engines with immutable tensors have none. */
  assign?(target: Tensor, value: Tensor): void;
}

/** Mapped experts in memory. Numbers are of matrices, of which an expert has three. */
export interface ExpertMemory {
  /** Whether the experts are larger than their memory. If not, nothing is counted. */
  readonly active: boolean;
  readonly used: number;
  /** Used, and not in memory. */
  readonly read: number;
  readonly readBytes: number;
  /** Removed from memory for others. */
  readonly dropped: number;
  /** Bytes of the matrices that are kept in memory. */
  readonly residentBytes: number;
}

/** Number of axes of a weight, by role. */
export const WEIGHT_RANKS: Readonly<Record<WeightRole, number>> = {
  vector: 1,
  vectors: 2,
  matrix: 2,
  table: 2,
  stack: 3,
};

/** Differences between engines that have only float32 tensors. */
export interface FloatStorageOptions {
  /** Layout of matrices. tfjs's wasm multiplies by a transposed right side at a twelfth of its speed, TensorFlow at a quarter. */
  readonly matrices: Weight["layout"];
  /** True if a stack of experts is one tensor, or one per expert, which can be multiplied without slicing. */
  readonly stacks: "apart" | "together";
  /** Number of copies of a matrix on the engine: XNNPACK, in tfjs's wasm, packs a second one at first use. */
  readonly copiesOfMatrices: number;
}

/** Storage of engines that have only float32 tensors: values are decoded, and laid out as the engine multiplies fastest. */
export class FloatStorage implements Storage {
  readonly #options: FloatStorageOptions;

  constructor(options: FloatStorageOptions) {
    this.#options = options;
  }

  get description(): string {
    const { matrices, stacks } = this.#options;
    return `float32, matrices ${matrices === "plain" ? "as in the file" : "transposed"}, experts ${stacks}`;
  }

  async place(view: WeightView, role: WeightRole): Promise<Weight> {
    const layout = role === "matrix" || role === "stack" ? this.#options.matrices : "plain";
    const { shape } = view;
    if (shape.length !== WEIGHT_RANKS[role])
      throw new OpsError({ where: `a ${role}`, expected: `${WEIGHT_RANKS[role]} axes`, got: `[${shape}]` });
    const parts =
      role === "stack"
        ? await this.#placeStack(view, layout)
        : [role === "vectors" ? await decodeVectors(view) : await decode(single(view), layout)];
    return { role, shape, layout, parts };
  }

  bytes(shape: readonly number[], role: WeightRole): number {
    const copies = role === "matrix" || role === "stack" ? this.#options.copiesOfMatrices : 1;
    return 4 * copies * shape.reduce((product, n) => product * n, 1);
  }

  async #placeStack(view: WeightView, layout: Weight["layout"]): Promise<Tensor[]> {
    const matrices = "views" in view ? view.views : Array.from({ length: view.shape[0]! }, (_, e) => view.at(e));
    if (this.#options.stacks === "together") return [await decodeTogether(matrices, layout)];
    const parts: Tensor[] = [];
    try {
      for (const matrix of matrices) parts.push(await decode(matrix, layout));
    } catch (error) {
      dispose(parts);
      throw error;
    }
    return parts;
  }
}

/**
 * Returns the values of a weight in its logical shape, encoded as `dtype`.
 *
 * @param index selects one matrix of a stack
 * @returns little-endian bytes, row-major. On an engine that runs in JavaScript they may be the weight's own memory: do not
 *   write.
 */
export async function encodeWeight(weight: Weight, dtype: Dtype, index?: number): Promise<Uint8Array> {
  const logical = tidy(() => logicalTensor(index === undefined ? weight : matrixAt(weight, index)));
  try {
    return fromFloat32((await logical.data()) as Float32Array, dtype);
  } finally {
    logical.dispose();
  }
}

async function decode(view: TensorView, layout: Weight["layout"]): Promise<Tensor> {
  const [rows = 1, columns = 1] = view.shape;
  const bytes = await view.read();
  return layout === "plain"
    ? tensor(toFloat32(bytes, view.dtype), [...view.shape])
    : tensor(toFloat32Transposed(bytes, view.dtype, rows, columns), [columns, rows]);
}

async function decodeVectors(view: WeightView): Promise<Tensor> {
  return tensor(await readFloats(view), [...view.shape]);
}

/** Reads the values of a weight, row-major: of one tensor of a file, or of several that form a stack. */
export async function readFloats(view: WeightView): Promise<Float32Array> {
  if (!("views" in view)) return toFloat32(await view.read(), view.dtype);
  const parts: Float32Array[] = [];
  for (const part of view.views) parts.push(toFloat32(await part.read(), part.dtype));
  const values = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

async function decodeTogether(matrices: readonly TensorView[], layout: Weight["layout"]): Promise<Tensor> {
  const [rows = 0, columns = 0] = matrices[0]?.shape ?? [];
  const values = new Float32Array(matrices.length * rows * columns);
  for (const [e, view] of matrices.entries()) {
    const bytes = await view.read();
    values.set(
      layout === "plain" ? toFloat32(bytes, view.dtype) : toFloat32Transposed(bytes, view.dtype, rows, columns),
      e * rows * columns,
    );
  }
  return tensor(values, layout === "plain" ? [matrices.length, rows, columns] : [matrices.length, columns, rows]);
}

function single(view: WeightView): TensorView {
  if ("views" in view)
    throw new OpsError({ where: `a stack [${view.shape}]`, expected: "the role stack", got: "the role of one tensor" });
  return view;
}
