import { disposeWeight, storageOf, type Weight, type WeightRole, type WeightView } from "@mixtape/ops";
import type { Dtype } from "@mixtape/safetensors";
import type { Tensor1D } from "@tensorflow/tfjs-core";
import { LayersError } from "./errors.js";

/** How a parameter starts where no checkpoint gives its values. */
export type Init = "normal" | "ones" | "zeros";

/**
 * A parameter of a module. It declares a shape and allocates nothing until it is loaded, so parts of a model can be replaced
 * for free, and every shape is known before a byte is read.
 */
export class Param {
  /** The logical shape, as in a Hugging Face checkpoint: a matrix is `[out, in]`, a stack `[experts, out, in]`. */
  readonly shape: readonly number[];
  /** What it is multiplied as. */
  readonly role: WeightRole;
  readonly init: Init;
  #weight: Weight | undefined;
  #dtype: Dtype = "F32";

  constructor(shape: readonly number[], role: WeightRole, init: Init = "normal") {
    this.shape = shape;
    this.role = role;
    this.init = init;
  }

  /** The dtype of the checkpoint that it was loaded from, and in which it is saved. */
  get dtype(): Dtype {
    return this.#dtype;
  }

  /** How many numbers it has. */
  get size(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }

  get isLoaded(): boolean {
    return this.#weight !== undefined;
  }

  /**
   * The values as they lie on the engine.
   * @throws {LayersError} before it is loaded and after it is disposed.
   */
  get weight(): Weight {
    if (!this.#weight)
      throw new LayersError({
        where: `a parameter [${this.shape}]`,
        expected: "values",
        got: "none",
        fix: "Load a checkpoint, or initialize the model, before running it; a disposed model can be loaded again",
      });
    return this.#weight;
  }

  /** The values of a vector: a scale or a bias. */
  get vector(): Tensor1D {
    return this.weight.parts[0] as Tensor1D;
  }

  /**
   * Reads the view once and places its values on the engine in use, in the layout that this engine likes.
   * @throws {LayersError} where the shapes differ.
   */
  async load(view: WeightView): Promise<void> {
    if (view.shape.join() !== this.shape.join())
      throw new LayersError({ where: "Param.load", expected: `[${this.shape}]`, got: `[${view.shape}]` });
    const weight = await storageOf().place(view, this.role);
    this.dispose();
    this.#weight = weight;
    this.#dtype = view.dtype;
  }

  /** Frees the values. */
  dispose(): void {
    if (this.#weight) disposeWeight(this.#weight);
    this.#weight = undefined;
  }
}
