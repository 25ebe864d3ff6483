import {
  add,
  concat,
  cumsum,
  exp,
  eye,
  matMul,
  mul,
  pad,
  reshape,
  rsqrt,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor2d,
  tile,
  transpose,
  zeros,
} from "@tensorflow/tfjs-core";
import { defineOpWithOutputs } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { sameShape } from "../math/shapes.js";

/** Inputs of {@link gatedDeltaRule}. */
export type GatedDeltaRuleInputs = {
  /** `[B, L, G, Dk]` */
  q: Tensor4D;
  /** `[B, L, G, Dk]` */
  k: Tensor4D;
  /** `[B, L, H, Dv]` */
  v: Tensor4D;
  /** `[B, L, H]`: logarithms of the decay, at most 0. */
  g: Tensor3D;
  /** `[B, L, H]`: learning rates. */
  beta: Tensor3D;
  /** `[B, H, Dk, Dv]`: the state before the first token. Default zeros. */
  state?: Tensor4D | undefined;
};

/** Attributes of a fused kernel. */
export interface GatedDeltaRuleAttributes {
  /** Factor on the queries. */
  readonly scale: number;
  /** ε of the L2 normalisation of queries and keys; null for none. */
  readonly l2NormEps: number | null;
}

/** Number of tokens in a chunk of the composition. */
const CHUNK = 32;

const run = defineOpWithOutputs({
  kernel: "MixtapeGatedDeltaRule",
  compose: (inputs: GatedDeltaRuleInputs, { scale, l2NormEps }: GatedDeltaRuleAttributes): [Tensor4D, Tensor4D] => {
    const [b, l, , dk] = inputs.q.shape;
    const [, , h, dv] = inputs.v.shape;
    const size = Math.min(l, CHUNK);
    const count = Math.ceil(l / size);
    /** `[B, L, heads, D]` to `[B·H, count, size, D]`, zeros behind the last token, which change no state. */
    const chunksOf = (x: Tensor4D): Tensor4D => {
      const [, , heads, d] = x.shape;
      const rows = transpose(x, [0, 2, 1, 3]);
      const repeated = tile(reshape(rows, [b * heads, 1, l, d]), [1, h / heads, 1, 1]);
      const whole =
        l === count * size
          ? repeated
          : pad(repeated, [
              [0, 0],
              [0, 0],
              [0, count * size - l],
              [0, 0],
            ]);
      return reshape(whole, [b * h, count, size, d]);
    };
    const normalize = (x: Tensor4D): Tensor4D =>
      l2NormEps === null ? x : mul(x, rsqrt(add(sum(square(x), -1, true), l2NormEps)));
    const q = chunksOf(mul(normalize(inputs.q), scale));
    const k = chunksOf(normalize(inputs.k));
    const v = chunksOf(inputs.v);
    const beta = chunksOf(reshape(inputs.beta, [b, l, h, 1]));
    // Along the last axis: tfjs's gradient of a sum along another has the wrong shape.
    const decay = reshape(chunksOf(reshape(inputs.g, [b, l, h, 1])), [b * h, count, size]);
    const gamma: Tensor4D = reshape(cumsum(decay, 2), [b * h, count, size, 1]);

    const upTo = triangle(size, 0);
    const before = triangle(size, 1);
    // Masked before it becomes a power, which would overflow above the diagonal.
    const decays = mul(exp(mul(sub(gamma, transpose(gamma, [0, 1, 3, 2])), upTo)), upTo);
    const keys = transpose(k, [0, 1, 3, 2]);
    const own = mul(mul(matMul(mul(k, beta), keys), decays), before);
    const inverse = inverseOfUnit(own as Tensor4D, size);
    const u = matMul(inverse, mul(v, beta));
    const w = matMul(inverse, mul(k, mul(beta, exp(gamma))));
    const scores = mul(matMul(q, keys), decays);
    const last = slice(gamma, [0, 0, size - 1, 0], [b * h, count, 1, 1]);

    const [decayed, read, written] = [
      exp(last),
      mul(q, exp(gamma)),
      mul(keys, transpose(exp(sub(last, gamma)), [0, 1, 3, 2])),
    ];
    const chunk = (x: Tensor, i: number): Tensor3D => {
      const [, , rows, columns] = x.shape as Tensor4D["shape"];
      return reshape(slice(x, [0, i, 0, 0], [b * h, 1, rows, columns]), [b * h, rows, columns]);
    };
    let state = (inputs.state ? reshape(inputs.state, [b * h, dk, dv]) : zeros([b * h, dk, dv])) as Tensor3D;
    const outputs: Tensor3D[] = [];
    for (let i = 0; i < count; i++) {
      const values = sub(chunk(u, i), matMul(chunk(w, i), state));
      outputs.push(add(matMul(chunk(read, i), state), matMul(chunk(scores, i), values)));
      state = add(mul(state, chunk(decayed, i)), matMul(chunk(written, i), values));
    }
    const rows: Tensor4D = reshape(concat(outputs, 1), [b, h, count * size, dv]);
    const tokens = slice(rows, [0, 0, 0, 0], [b, h, l, dv]);
    return [transpose(tokens, [0, 2, 1, 3]), reshape(state, [b, h, dk, dv])];
  },
});

/**
 * Gated delta rule (Yang et al. 2024, https://arxiv.org/abs/2412.06464, eq. 10): a linear recurrence whose state is corrected
 * towards each value. With `S` the state of a head `[Dk, Dv]`, for each token
 * `S ← e^g · S`, `S ← S + k · (β · (v − kᵀS))ᵀ`, and the output is `qᵀS`.
 *
 * Value head `h` reads key head `⌊h·G/H⌋`. The composition works on chunks of tokens by matrix products (eq. 11 and the appendix of
 * Yang et al. 2024, https://arxiv.org/abs/2406.06484); a fused kernel may go token by token.
 *
 * Fused kernel: `MixtapeGatedDeltaRule`, inputs `q`, `k`, `v`, `g`, `beta`, `state?`, attributes {@link GatedDeltaRuleAttributes},
 * outputs the output and the new state.
 *
 * @param inputs see {@link GatedDeltaRuleInputs}
 * @param options.scale queries are multiplied by it. Default `Dk^-½`.
 * @param options.l2NormEps ε: queries and keys become `x / √(Σx² + ε)` first. Default null: they are taken as they are.
 * @returns `output` `[B, L, H, Dv]`, and `state` `[B, H, Dk, Dv]` after the last token
 * @throws {OpsError} if the shapes do not fit, or H is not a multiple of G.
 */
export function gatedDeltaRule(
  inputs: GatedDeltaRuleInputs,
  { scale = inputs.q.shape[3] ** -0.5, l2NormEps = null }: Partial<GatedDeltaRuleAttributes> = {},
): { output: Tensor4D; state: Tensor4D } {
  checkShapes(inputs);
  const { q, k, v, g, beta, state } = inputs;
  const [output, next] = run({ q, k, v, g, beta, state }, { scale, l2NormEps });
  return { output, state: next };
}

function checkShapes({ q, k, v, g, beta, state }: GatedDeltaRuleInputs): void {
  const [b, l, groups, dk] = q.shape;
  const [, , h, dv] = v.shape;
  const fits =
    l > 0 &&
    h % groups === 0 &&
    sameShape(k.shape, q.shape) &&
    sameShape(v.shape.slice(0, 2), [b, l]) &&
    sameShape(g.shape, [b, l, h]) &&
    sameShape(beta.shape, [b, l, h]) &&
    (!state || sameShape(state.shape, [b, h, dk, dv]));
  if (!fits)
    throw new OpsError({
      where: "gatedDeltaRule",
      expected:
        "q and k [B, L, G, Dk], v [B, L, H, Dv] with H a multiple of G, g and beta [B, L, H], and state [B, H, Dk, Dv]",
      got: `[${q.shape}], [${k.shape}], [${v.shape}], [${g.shape}], [${beta.shape}] and ${state ? `[${state.shape}]` : "none"}`,
    });
}

/**
 * `(I + a)⁻¹` of strictly lower triangular matrices `[…, size, size]`. By blocks that double:
 * `[[P, 0], [Q, R]]⁻¹ = [[P⁻¹, 0], [−R⁻¹QP⁻¹, R⁻¹]]`, which loses no digits where the powers of `a` are large.
 */
function inverseOfUnit(a: Tensor4D, size: number): Tensor4D {
  const identity = eye(size);
  let inverse = size > 1 ? sub<Tensor4D>(identity, mul(a, pairs(size, 1))) : add<Tensor4D>(a, identity);
  for (let block = 2; block < size; block *= 2)
    inverse = sub(inverse, matMul(inverse, matMul(mul(a, pairs(size, block)), inverse)));
  return inverse;
}

/** Returns 1 for rows that are at least `offset` below the column, else 0. */
function triangle(size: number, offset: number): Tensor2D {
  return matrixOf(size, (row, column) => row - column >= offset);
}

/** Returns 1 for rows in the second block of a pair of blocks and columns in the first, else 0. */
function pairs(size: number, block: number): Tensor2D {
  const blockOf = (i: number): number => Math.floor(i / block);
  return matrixOf(size, (row, column) => blockOf(row) % 2 === 1 && blockOf(column) === blockOf(row) - 1);
}

function matrixOf(size: number, isOne: (row: number, column: number) => boolean): Tensor2D {
  const values = Float32Array.from({ length: size * size }, (_, at) =>
    isOne(Math.floor(at / size), at % size) ? 1 : 0,
  );
  return tensor2d(values, [size, size]);
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeGatedDeltaRule: FusedKernel<GatedDeltaRuleInputs, GatedDeltaRuleAttributes>;
  }
}
