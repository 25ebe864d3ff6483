import { add, concat, mul, neg, reshape, slice, type Tensor3D, type Tensor4D } from "@tensorflow/tfjs-core";
import { OpsError } from "./errors.js";
import { defineOp } from "./op.js";
import { sameShape } from "./shapes.js";

/** Angles of rotary position embeddings, as cosines and sines. B is 1 where all rows share their positions. */
export interface RotaryTables {
  /** `[B, L, d]` */
  readonly cos: Tensor3D;
  /** `[B, L, d]` */
  readonly sin: Tensor3D;
}

export type RotaryInputs = { x: Tensor4D; cos: Tensor3D; sin: Tensor3D };

const run = defineOp({
  kernel: "MixtapeRotary",
  compose: ({ x, cos, sin }: RotaryInputs) => {
    const [b, h, l, width] = x.shape;
    const d = cos.shape[2];
    const turned = d === width ? x : slice(x, [0, 0, 0, 0], [b, h, l, d]);
    const rotated = add<Tensor4D>(mul(turned, perHead(cos)), mul(rotateHalf(turned), perHead(sin)));
    return d === width ? rotated : concat([rotated, slice(x, [0, 0, 0, d], [b, h, l, width - d])], 3);
  },
});

/**
 * Rotary position embedding (Su et al. 2021, https://arxiv.org/abs/2104.09864): `x·cos + rotateHalf(x)·sin`, where
 * `rotateHalf([a, b]) = [−b, a]`. Where the tables are narrower than the heads, the rest of a head passes unchanged.
 *
 * Fused kernel: `MixtapeRotary`, inputs `x`, `cos`, `sin`.
 *
 * @param x `[B, H, L, D]`
 * @param tables `[B | 1, L, d]`, d even and at most D
 * @returns `[B, H, L, D]`
 * @throws {OpsError} where the tables do not fit `x`.
 */
export function rotary(x: Tensor4D, { cos, sin }: RotaryTables): Tensor4D {
  const [b, , l, width] = x.shape;
  const [tableB, tableL, d] = cos.shape;
  if ((tableB !== 1 && tableB !== b) || tableL !== l || d > width || d % 2 === 1 || !sameShape(sin.shape, cos.shape))
    throw new OpsError({
      where: "rotary",
      expected: `cosines and sines [${b} or 1, ${l}, even and at most ${width}]`,
      got: `[${cos.shape}] and [${sin.shape}]`,
    });
  return run({ x, cos, sin }, {});
}

/** `[B, L, d]` to `[B, 1, L, d]`: the heads of a position share their angles. */
function perHead(table: Tensor3D): Tensor4D {
  const [b, l, d] = table.shape;
  return reshape(table, [b, 1, l, d]);
}

function rotateHalf(x: Tensor4D): Tensor4D {
  const [b, h, l, d] = x.shape;
  const size: [number, number, number, number] = [b, h, l, d / 2];
  return concat([neg(slice(x, [0, 0, 0, d / 2], size)), slice(x, [0, 0, 0, 0], size)], 3);
}
