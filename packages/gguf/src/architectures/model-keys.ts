import { GgufFormatError, GgufUnsupportedError } from "../errors.js";
import type { GgufModel } from "./architecture.js";

/** Reads the keys of a model, which begin with its architecture: `qwen3moe.block_count`. */
export class ModelKeys {
  constructor(readonly model: GgufModel) {}

  /** Returns the full name of a key. */
  key(name: string): string {
    return `${this.model.metadata.string("general.architecture")}.${name}`;
  }

  /**
   * Returns a whole number from 0 on. It may be given for each layer, as a list of equal numbers.
   * @throws {GgufUnsupportedError} for a list of different numbers
   */
  count(name: string): number | undefined {
    const key = this.key(name);
    const value = this.model.metadata.get(key);
    if (!ArrayBuffer.isView(value)) return this.model.metadata.count(key);
    const numbers = new Set<unknown>(value);
    const [one] = numbers;
    if (numbers.size === 1 && typeof one === "number" && one >= 0) return one;
    throw new GgufUnsupportedError({
      where: `${this.model.where}: ${key}`,
      expected: "the same whole number for each layer",
      got: `${numbers.size} different ones`,
    });
  }

  required(name: string): number {
    return this.count(name) ?? this.model.metadata.requiredCount(this.key(name));
  }

  number(name: string): number | undefined {
    return this.model.metadata.number(this.key(name));
  }

  string(name: string): string | undefined {
    return this.model.metadata.string(this.key(name));
  }

  /**
   * Checks a value that the family has fixed. An absent one passes.
   * @throws {GgufUnsupportedError} if it is another one
   */
  require(name: string, allowed: readonly (number | boolean | string)[]): void {
    const value = this.model.metadata.get(this.key(name));
    if (value === undefined || allowed.some((one) => one === value)) return;
    throw new GgufUnsupportedError({
      where: `${this.model.where}: ${this.key(name)}`,
      expected: allowed.map(String).join(" or "),
      got: String(value),
    });
  }

  /**
   * Returns the shape of a tensor.
   * @throws {GgufFormatError} if the file lacks it, or it has another number of axes
   */
  shape(name: string, axes: number): readonly number[] {
    const shape = this.model.tensors.get(name)?.shape;
    if (shape?.length === axes) return shape;
    throw new GgufFormatError({
      where: `${this.model.where}: tensor ${name}`,
      expected: axes === 2 ? "a matrix" : `${axes} axes`,
      got: shape ? `[${shape.join(", ")}]` : "none",
    });
  }
}
