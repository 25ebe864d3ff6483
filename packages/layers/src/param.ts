import { disposeWeight, storageOf, type Weight, type WeightRole, type WeightView } from "@mixtape/ops";
import type { Dtype } from "@mixtape/safetensors";
import { keep, mul, type Tensor, type Tensor1D, type Tensor2D, tidy, zerosLike } from "@tensorflow/tfjs-core";
import { LayersError } from "./errors.js";

/** Initial values of a parameter without a checkpoint. */
export type Init = "normal" | "ones" | "zeros";

/** Options of a parameter. */
export interface ParamOptions {
  /**
   * False if no loss has a gradient with respect to it, so that it can never train, such as a selection bias. Default:
   * true.
   */
  readonly hasGradient?: boolean;
  /** Row that is initialised to zeros, such as that of a padding token in an embedding. Default: none. */
  readonly zeroRow?: number | null;
}

/**
 * A parameter of a module. It declares a shape and allocates nothing until it is loaded, so parts of a model can be
 * replaced for free, and every shape is known before a byte is read.
 *
 * It is frozen until it is unfrozen.
 */
export class Param {
  /** Logical shape, as in a Hugging Face checkpoint: a matrix is `[out, in]`, a stack `[experts, out, in]`. */
  readonly shape: readonly number[];
  /** Role in computations, such as a matrix or an embedding. */
  readonly role: WeightRole;
  readonly init: Init;
  /** Whether a loss may have a gradient with respect to it. */
  readonly hasGradient: boolean;
  /** Row that is initialised to zeros; null for none. */
  readonly zeroRow: number | null;
  /**
   * A parameter of the same shape whose values forward passes use instead: a copy that an adapter trained. Loading,
   * training and saving use this parameter's own values.
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

  /** Dtype of the checkpoint that it was loaded from, in which it is saved. */
  get dtype(): Dtype {
    return this.#dtype;
  }

  /** Number of values. */
  get size(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }

  get isLoaded(): boolean {
    return this.#weight !== undefined;
  }

  /** Whether training updates it. */
  get isTrainable(): boolean {
    return this.#isTrainable;
  }

  /**
   * Values on the engine for forward passes: those of the overlay, if there is one.
   * @throws {LayersError} before it is loaded and after it is disposed.
   */
  get weight(): Weight {
    return this.overlay ? this.overlay.weight : this.ownWeight;
  }

  /**
   * Own values, regardless of an overlay.
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

  /** Values of a vector: a scale or a bias. */
  get vector(): Tensor1D {
    return this.weight.parts[0] as Tensor1D;
  }

  /** Values of one vector per expert, `[experts, n]`. */
  get vectors(): Tensor2D {
    return this.weight.parts[0] as Tensor2D;
  }

  /**
   * Reads the view once and stores its values on the current engine, in the engine's preferred layout.
   * @param options.dtype dtype to save it in. Default: that of the view.
   * @throws {LayersError} if the shapes differ.
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
   * Makes it trainable. Its values become float32, in separate tensors, now or when it is loaded: values that an engine
   * stores compactly are decoded. It is still saved in the dtype of its checkpoint.
   * @throws {LayersError} if no loss has a gradient with respect to it.
   */
  unfreeze(): void {
    if (this.#isTrainable) return;
    if (!this.hasGradient)
      throw new LayersError({
        where: `a parameter [${this.shape}]`,
        expected: "a parameter with a gradient",
        got: "a parameter without one",
        fix: "It only affects a selection, such as that of experts; do not train it",
      });
    this.#isTrainable = true;
    if (this.#weight) this.#decode();
  }

  /** Freezes it. Its values are unchanged and stay in place. */
  freeze(): void {
    this.#isTrainable = false;
  }

  /**
   * Replaces its values, as an optimiser does, and frees the old ones.
   * @param parts float32, in the layout of {@link weight}; the parameter owns them from now on
   * @throws {LayersError} if their shapes differ from the parts of its weight.
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

  /** Returns a parameter of zeros with the same layout, for optimiser states. */
  zeros(): Param {
    const weight = this.ownWeight;
    const zeros = new Param(this.shape, this.role, "zeros");
    zeros.#isTrainable = true;
    zeros.#weight = { ...weight, parts: weight.parts.map((part) => keep(zerosLike(part))) };
    return zeros;
  }

  /**
   * Replaces its values by others of the same shape.
   * @returns the old values, which the caller owns: to put back, or to dispose
   * @throws {LayersError} if the shapes differ, and before it is loaded.
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
