import type { Tensor } from "@tensorflow/tfjs-core";
import type { Module } from "./module.js";

/** Normalises the last axis. */
export interface Norm extends Module {
  /**
   * @param x `[…, D]`
   * @param residual added to the normalised `x`, of the same shape
   * @returns the shape of `x`
   */
  forward<T extends Tensor>(x: T, residual?: T): T;
}
