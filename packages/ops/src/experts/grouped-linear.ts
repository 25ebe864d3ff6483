import {
  concat,
  gather,
  matMul,
  reshape,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tidy,
} from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import { runLinear } from "../linear.js";
import { matrixAt, stackedTensor, type Weight } from "../weight.js";
import { chooseStrategy } from "./strategy.js";

/** Which matrix of a stack each of N rows meets. */
export interface RowGroups {
  /** int32 `[N]` */
  readonly ids: Tensor1D;
  /** The rows of each matrix that is met; null on engines where reading them back would wait for the device. */
  readonly rows: ReadonlyMap<number, readonly number[]> | null;
}

/** Reads the ids back, once for all products that share them, where the engine in use does that at once. */
export function groupRows(ids: Tensor1D, matrices: number): RowGroups {
  const strategy = chooseStrategy({ tokens: ids.size, k: 1, experts: matrices });
  if (strategy === "gathered" || strategy === "dense") return { ids, rows: null };
  const rows = new Map<number, number[]>();
  ids.dataSync().forEach((id, row) => {
    const group = rows.get(id);
    if (group) group.push(row);
    else rows.set(id, [row]);
  });
  return { ids, rows };
}

/**
 * A linear map of each row by one matrix of a stack: `y[n] = stack[ids[n]] · x[n]`. Only matrices that are met are read.
 *
 * @param x `[N, in]`
 * @param stack `[E, out, in]`
 * @param groups of N rows
 * @returns `[N, out]`
 * @throws {OpsError} where the shapes do not fit, or there is no row.
 */
export function groupedLinear(x: Tensor2D, stack: Weight, groups: RowGroups): Tensor2D {
  const [n, width] = x.shape;
  if (n === 0 || groups.ids.shape[0] !== n || stack.shape.length !== 3 || stack.shape[2] !== width)
    throw new OpsError({
      where: `groupedLinear [${stack.shape}]`,
      expected: `rows [N, ${stack.shape[2]}] and N ids, N at least 1`,
      got: `[${x.shape}] and ${groups.ids.size} ids`,
    });
  return tidy(() => (groups.rows ? byGroup(x, stack, groups.rows) : gathered(x, stack, groups.ids)));
}

function byGroup(x: Tensor2D, stack: Weight, groups: ReadonlyMap<number, readonly number[]>): Tensor2D {
  const [n] = x.shape;
  const transposed = stack.layout === "transposed";
  const product = (id: number, rows: Tensor2D): Tensor2D =>
    runLinear({ x: rows as Tensor, weight: matrixAt(stack, id).parts[0] as Tensor2D }, { transposed }) as Tensor2D;
  if (groups.size === 1) return product([...groups.keys()][0]!, x);
  const products = [...groups].map(([id, rows]) => product(id, gather(x, tensor1d([...rows], "int32")) as Tensor2D));
  const placeOf = new Int32Array(n);
  [...groups.values()].flat().forEach((row, place) => {
    placeOf[row] = place;
  });
  return gather(concat(products, 0), tensor1d(placeOf, "int32")) as Tensor2D;
}

/** Copies the matrix of each row, and multiplies them as one batch. */
function gathered(x: Tensor2D, stack: Weight, ids: Tensor1D): Tensor2D {
  const [n, width] = x.shape;
  const matrices = gather(stackedTensor(stack), ids);
  return reshape(matMul(reshape(x, [n, 1, width]), matrices, false, stack.layout === "plain"), [n, -1]) as Tensor2D;
}
