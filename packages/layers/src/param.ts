import { disposeWeight, storageOf, type Weight, type WeightRole, type WeightView } from "@mixtape/ops";
import type { Dtype } from "@mixtape/safetensors";
import { keep, mul, type Tensor, type Tensor1D, type Tensor2D, tidy, zerosLike } from "@tensorflow/tfjs-core";
import { LayersError } from "./errors.js";

/** How a parameter starts where no checkpoint gives its values. */
export type Init = "normal" | "ones" | "zeros";

/** What is particular about a parameter. */
export interface ParamOptions {
  /** False where no loss has a gradient by it, so that it can never train, such as a bias of ranks. Default true. */
  readonly hasGradient?: boolean;
  /** A row that starts as zeros, such as that of a padding token in an embedding. Default: none. */
  readonly zeroRow?: number | null;
}

/**
 * A parameter of a module. It declares a shape and allocates nothing until it is loaded, so parts of a model can be replaced
 * for free, and every shape is known before a byte is read.
 *
 * It is frozen until someone unfreezes it.
 */
export class Param {
  /** The logical shape, as in a Hugging Face checkpoint: a matrix is `[out, in]`, a stack `[experts, out, in]`. */
  readonly shape: readonly number[];
  /** What it is multiplied as. */
  readonly role: WeightRole;
  readonly init: Init;
  /** Whether a loss may have a gradient by it. */
  readonly hasGradient: boolean;
  /** The row that starts as zeros; null for none. */
  readonly zeroRow: number | null;
  /**
   * A parameter of the same shape whose values forward passes use in place of its own: a copy that an adapter trained. Loading,
   * training and saving see its own values.
   */
  overlay: Param | null = null;
  #weight: Weight | undefined;
  #dtype: Dtype = "F32";
  #isTrainable = false;

  constructor(
    shape: readonly number[],
    role: WeightRole,
    init: Init = "normal",
    { hasGradient = true, zeroRow = null }: ParamOptions = {},
  ) {
    this.shape = shape;
    this.role = role;
    this.init = init;
    this.hasGradient = hasGradient;
    this.zeroRow = zeroRow;
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

  /** Whether training moves it. */
  get isTrainable(): boolean {
    return this.#isTrainable;
  }

  /**
   * The values that forward passes use, as they lie on the engine: those of the overlay, where there is one.
   * @throws {LayersError} before it is loaded and after it is disposed.
   */
  get weight(): Weight {
    return this.overlay ? this.overlay.weight : this.ownWeight;
  }

  /**
   * Its own values, whatever overlay there is.
   * @throws {LayersError} before it is loaded and after it is disposed.
   */
  get ownWeight(): Weight {
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

  /** The values of one vector per expert, `[experts, n]`. */
  get vectors(): Tensor2D {
    return this.weight.parts[0] as Tensor2D;
  }

  /**
   * Reads the view once and places its values on the engine in use, in the layout that this engine likes.
   * @param options.dtype the dtype to save it in. Default: that of the view.
   * @throws {LayersError} where the shapes differ.
   */
  async load(view: WeightView, { dtype = view.dtype }: { readonly dtype?: Dtype } = {}): Promise<void> {
    if (view.shape.join() !== this.shape.join())
      throw new LayersError({ where: "Param.load", expected: `[${this.shape}]`, got: `[${view.shape}]` });
    const weight = await storageOf().place(view, this.role);
    this.dispose();
    this.#weight = weight;
    this.#dtype = dtype;
    if (this.#isTrainable) this.#decode();
  }

  /**
   * Lets training move it. Its values become float32, in tensors of its own, now or when it is loaded: those that an engine
   * keeps compact are decoded. It is saved in the dtype of its checkpoint still.
   * @throws {LayersError} where no loss has a gradient by it.
   */
  unfreeze(): void {
    if (this.#isTrainable) return;
    if (!this.hasGradient)
      throw new LayersError({
        where: `a parameter [${this.shape}]`,
        expected: "one that a loss can have a gradient by",
        got: "one that has none",
        fix: "It only moves choices, such as those of experts; leave it out of what trains",
      });
    this.#isTrainable = true;
    if (this.#weight) this.#decode();
  }

  /** Keeps it from being trained. Its values stay what and where they are. */
  freeze(): void {
    this.#isTrainable = false;
  }

  /**
   * Gives it new values, as an optimiser does, and frees the old.
   * @param parts float32, in the layout of {@link weight}; they belong to the parameter from now on
   * @throws {LayersError} where they are not shaped as the parts of its weight.
   */
  assign(parts: readonly Tensor[]): void {
    const weight = this.ownWeight;
    const shapes = (tensors: readonly Tensor[]): string => tensors.map(({ shape }) => `[${shape}]`).join(", ");
    if (shapes(parts) !== shapes(weight.parts))
      throw new LayersError({ where: "Param.assign", expected: shapes(weight.parts), got: shapes(parts) });
    for (const part of parts) keep(part);
    this.#weight = { ...weight, parts };
    disposeWeight(weight);
  }

  /** A parameter of zeros that lies as this one, as an optimiser keeps for each. */
  zeros(): Param {
    const weight = this.ownWeight;
    const zeros = new Param(this.shape, this.role, "zeros");
    zeros.#isTrainable = true;
    zeros.#weight = { ...weight, parts: weight.parts.map((part) => keep(zerosLike(part))) };
    return zeros;
  }

  /**
   * Puts other values of the same shape in the place of its own.
   * @returns its own, which are the caller's from now on: to put back, or to dispose
   * @throws {LayersError} where the shapes differ, and before it is loaded.
   */
  exchange(weight: Weight): Weight {
    const own = this.ownWeight;
    if (weight.shape.join() !== this.shape.join())
      throw new LayersError({ where: "Param.exchange", expected: `[${this.shape}]`, got: `[${weight.shape}]` });
    this.#weight = weight;
    return own;
  }

  /** Frees the values. */
  dispose(): void {
    if (this.#weight) disposeWeight(this.#weight);
    this.#weight = undefined;
  }

  #decode(): void {
    tidy(() => this.assign(this.ownWeight.parts.map((part) => mul(part, 1))));
  }
}
