import { reshape } from "@mixtape/ops";
import { concat, type Tensor, type Tensor2D } from "@tensorflow/tfjs-core";
import { withCopies } from "../layers/copied-param.js";
import type { TargetModule } from "../targets/target-module.js";
import { type BatchSlice, cutAll } from "./batch-slice.js";

/** Runs a module's forward pass on each slice of a batch with its adapter's copies of the module's parameters. */
export function forwardWithCopies(
  target: TargetModule,
  x: Tensor2D,
  slices: readonly BatchSlice[],
  forward: (x: Tensor2D) => Tensor2D,
): Tensor2D {
  const copies = slices.map(({ adapter }) => (adapter?.copies ?? []).filter((copy) => copy.target === target));
  if (copies.every((own) => own.length === 0)) return forward(x);
  const parts = cutAll(x, slices).map((part, i) => withCopies(copies[i]!, () => forward(part)));
  return parts.length === 1 ? parts[0]! : concat(parts, 0);
}

/** Reshapes `[…, n]` to rows `[-1, n]`. */
export function rowsOf(x: Tensor): Tensor2D {
  const width = x.shape.at(-1)!;
  return x.rank === 2 ? (x as Tensor2D) : reshape(x, [x.size / width, width]);
}
