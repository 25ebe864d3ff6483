import { describe, test } from "vitest";
import { attentionTests } from "./attention.js";
import { elementwiseTests } from "./elementwise.js";
import { type Isa, whyLeftOut } from "./isa.js";
import { mlpTests } from "./mlp.js";
import { productTests } from "./products.js";
import { rowsTests } from "./rows.js";
import { trainingTests } from "./training.js";

/** Declares the tests of all kernels on an instruction set, for `npm run test:long`. */
export function kernelTests(isa: Isa): void {
  const reason = whyLeftOut(isa);
  if (reason) {
    test.skip(`on ${isa}: ${reason}`);
    return;
  }
  describe("products", () => productTests(isa));
  describe("attention", () => attentionTests(isa));
  describe("elementwise", () => elementwiseTests(isa));
  describe("rows", () => rowsTests(isa));
  describe("mlp", () => mlpTests(isa));
  describe("training", () => trainingTests(isa));
}
