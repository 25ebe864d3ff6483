import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import { matrices } from "./batch-mat-mul.js";
import type { NativeKernel } from "./kernel.js";

type MatMul = FusedKernels["MixtapeGroupedMatMul"];
type Outer = FusedKernels["MixtapeGroupedGradWeight"];

const FIRST = Int32Array.of(0);

/** `groupedMatMul` of `ops`: each group a product on all threads; of a compact stack only matrices with rows are decoded. */
export const groupedMatMulKernel: NativeKernel = {
  name: "MixtapeGroupedMatMul",
  run(backend, { x, stack }: MatMul["inputs"], { offsets, transposed }: MatMul["attrs"]) {
    const [n = 0, width = 0] = x.shape;
    const columns = stack.shape[transposed ? 2 : 1]!;
    const out = backend.output([n, columns]);
    const [to, from, by] = [backend.values(out) as Float32Array, backend.floats(x), matrices(backend, stack)];
    for (const { group, start, end } of groupsOf(offsets))
      addon().matMul(
        to.subarray(start * columns, end * columns),
        from.subarray(start * width, end * width),
        by,
        FIRST,
        Int32Array.of(group),
        end - start,
        width,
        columns,
        false,
        !transposed,
      );
    return out;
  },
};

/** `groupedGradWeight` of `ops` */
export const groupedGradWeightKernel: NativeKernel = {
  name: "MixtapeGroupedGradWeight",
  run(backend, { a, b }: Outer["inputs"], { offsets }: Outer["attrs"]) {
    const [rows = 0, columns = 0] = [a.shape[1], b.shape[1]];
    const size = rows * columns;
    const out = backend.output([offsets.length - 1, rows, columns]);
    const [to, left, right] = [backend.values(out) as Float32Array, backend.floats(a), backend.floats(b)];
    for (let group = 0; group + 1 < offsets.length; group++) {
      const [start, end] = [offsets[group]!, offsets[group + 1]!];
      const product = to.subarray(group * size, (group + 1) * size);
      if (start === end) product.fill(0);
      else
        addon().matMul(
          product,
          left.subarray(start * rows, end * rows),
          right.subarray(start * columns, end * columns),
          FIRST,
          FIRST,
          rows,
          end - start,
          columns,
          true,
          false,
        );
    }
    return out;
  },
};

/** The groups that have rows. */
function groupsOf(offsets: MatMul["attrs"]["offsets"]): { group: number; start: number; end: number }[] {
  return offsets.slice(0, -1).flatMap((start, group) => {
    const end = offsets[group + 1]!;
    return end > start ? [{ group, start, end }] : [];
  });
}
