import type { Tensor } from "@tensorflow/tfjs-core";
import type { Module } from "./module.js";

/** Normalises the last axis. */
export interface Norm extends Module {
  /**
   * @param x `[…, D]`
   * @param residual of the shape of `x`, which the normalised `x` is added to
   * @returns the shape of `x`
   */
  forward<T extends Tensor>(x: T, residual?: T): T;
}
