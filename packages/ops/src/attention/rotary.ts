import { add, concat, mul, neg, reshape, slice, type Tensor3D, type Tensor4D, transpose } from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { sameShape } from "../math/shapes.js";

/** Cosines and sines of the angles of rotary position embeddings. B is 1 if all rows share their positions. */
export interface RotaryTables {
  /** `[B, L, d]`: the cosines of pair i at i and at `d / 2 + i`. */
  readonly cos: Tensor3D;
  /** `[B, L, d]`, likewise. */
  readonly sin: Tensor3D;
}

/** Options of {@link rotary}. */
export interface RotaryOptions {
  /** Rotates pairs of features 2i and 2i + 1, as in GPT-J and DeepSeek, in place of i and `d / 2 + i`, as in Llama. */
  readonly interleaved?: boolean;
}

export type RotaryInputs = { x: Tensor4D; cos: Tensor3D; sin: Tensor3D };
export type RotaryAttributes = Required<RotaryOptions>;

const run = defineOp({
  kernel: "MixtapeRotary",
  compose: ({ x, cos, sin }: RotaryInputs, { interleaved }: RotaryAttributes) => {
    const [b, h, l, width] = x.shape;
    const d = cos.shape[2];
    const part = d === width ? x : slice(x, [0, 0, 0, 0], [b, h, l, d]);
    const pairs = interleaved ? exchange(part, d / 2, 2) : part;
    const halves = add<Tensor4D>(mul(pairs, perHead(cos)), mul(rotateHalf(pairs), perHead(sin)));
    const rotated = interleaved ? exchange(halves, 2, d / 2) : halves;
    return d === width ? rotated : concat([rotated, slice(x, [0, 0, 0, d], [b, h, l, width - d])], 3);
  },
});

/**
 * Rotary position embedding (Su et al. 2021, https://arxiv.org/abs/2104.09864): `x·cos + rotateHalf(x)·sin`, where
 * `rotateHalf([a, b]) = [−b, a]`. If the tables are narrower than the heads, the rest of a head passes unchanged.
 *
 * `interleaved` rotates neighbouring features, `y[2i] = x[2i]·cos[i] − x[2i+1]·sin[i]` and `y[2i+1] = x[2i+1]·cos[d/2+i] +
 * x[2i]·sin[d/2+i]`, with the same tables. transformers' DeepSeek-V3 permutes features instead, and then rotates halves: the
 * products of queries and keys are the same.
 *
 * Fused kernel: `MixtapeRotary`, inputs `x`, `cos`, `sin`, attribute `interleaved`.
 *
 * @param x `[B, H, L, D]`
 * @param tables `[B | 1, L, d]`, d even and at most D
 * @returns `[B, H, L, D]`
 * @throws {OpsError} if the tables do not fit `x`.
 */
export function rotary(x: Tensor4D, { cos, sin }: RotaryTables, { interleaved = false }: RotaryOptions = {}): Tensor4D {
  const [b, , l, width] = x.shape;
  const [tableB, tableL, d] = cos.shape;
  if ((tableB !== 1 && tableB !== b) || tableL !== l || d > width || d % 2 === 1 || !sameShape(sin.shape, cos.shape))
    throw new OpsError({
      where: "rotary",
      expected: `cosines and sines [${b} or 1, ${l}, even and at most ${width}]`,
      got: `[${cos.shape}] and [${sin.shape}]`,
    });
  return run({ x, cos, sin }, { interleaved });
}

/** Reshapes `[B, L, d]` to `[B, 1, L, d]`: the heads of a position share their angles. */
function perHead(table: Tensor3D): Tensor4D {
  const [b, l, d] = table.shape;
  return reshape(table, [b, 1, l, d]);
}

function rotateHalf(x: Tensor4D): Tensor4D {
  const [b, h, l, d] = x.shape;
  const size: [number, number, number, number] = [b, h, l, d / 2];
  return concat([neg(slice(x, [0, 0, 0, d / 2], size)), slice(x, [0, 0, 0, 0], size)], 3);
}

/** Transposes the features of each head, seen as a matrix: `[d/2, 2]` puts the first of all pairs before the second. */
function exchange(x: Tensor4D, rows: number, columns: number): Tensor4D {
  const [b, h, l] = x.shape;
  return reshape(transpose(reshape(x, [b * h * l, rows, columns]), [0, 2, 1]), x.shape);
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeRotary: FusedKernel<RotaryInputs, RotaryAttributes>;
  }
}
