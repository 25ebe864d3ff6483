/** Every complaint of this package, word for word. */

import { MixtapeError } from "@mixtape/errors";
import { viewOfBytes } from "@mixtape/safetensors";
import {
  fill,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  zeros,
} from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import {
  AttentionMask,
  attention,
  attentionWithProbabilities,
  chooseExperts,
  type ExpertsStrategy,
  encodeWeight,
  experts,
  FloatStorage,
  gate,
  gatedMlp,
  linear,
  OpsError,
  projectHeads,
  rmsNorm,
  rotary,
  silu,
  splitHeads,
  stackViews,
  takeAlongAxis,
  topKIndices,
  type Weight,
  type WeightRole,
} from "../src/index.js";
import { useBackend } from "./support/engines.js";
import { withStandIn } from "./support/kernels.js";

// Checked before an engine is asked. Where one has fused experts is told in some of the messages; this one has none.
await useBackend("cpu");

const floats = <T extends Tensor>(...shape: number[]): T => zeros(shape) as T;
const ints = <T extends Tensor>(...shape: number[]): T => zeros(shape, "int32") as T;
const weight = (shape: number[], role: WeightRole = "matrix", layout: Weight["layout"] = "plain"): Weight => ({
  role,
  shape,
  layout,
  parts: [floats(...shape)],
});
const view = (name: string, dtype: "F32" | "BF16", shape: number[]) => {
  const bytes = shape.reduce((product, n) => product * n, 1) * (dtype === "F32" ? 4 : 2);
  return viewOfBytes(name, dtype, shape, new Uint8Array(bytes));
};
const storage = new FloatStorage({ matrices: "plain", stacks: "apart", copiesOfMatrices: 1 });

const mlp = { gate: weight([3, 2]), up: weight([3, 2]), down: weight([2, 3]) };
const stacks = { gate: weight([4, 3, 2], "stack"), up: weight([4, 3, 2], "stack"), down: weight([4, 2, 3], "stack") };
const routed = { x: floats<Tensor2D>(5, 2), indices: ints<Tensor2D>(5, 2), weights: floats<Tensor2D>(5, 2) };
const apart: Weight = { ...stacks.gate, parts: [0, 1, 2, 3].map(() => floats(3, 2)) };
const heads = (b: number, h: number, l: number, d: number) => floats<Tensor4D>(b, h, l, d);
const mask = new AttentionMask({ queries: 3, keys: 3 });
const padded = new AttentionMask({ queries: 3, keys: 3, keyPadding: { rows: 1, values: Uint8Array.of(0, 1, 1) } });

const attend = (q: Tensor4D, k: Tensor4D, v: Tensor4D, m = mask) => [
  () => attention(q, k, v, m, 1),
  () => attentionWithProbabilities(q, k, v, m, 1),
];

const COMPLAINTS: Readonly<Record<string, [() => unknown, string][]>> = {
  linear: [
    [() => linear(floats(2, 3), weight([5, 4])), "linear [5, 4]: expected an input […, 4], got [2,3]."],
    [() => linear(floats(2, 4), weight([5, 4]), floats<Tensor1D>(4)), "linear [5, 4]: expected a bias [5], got [4]."],
    [
      () => linear(floats(2, 4), { ...weight([5, 4]), parts: [floats(5, 4), floats(5, 4)] }),
      "a matrix [5,4]: expected a weight in one piece, got 2 pieces.",
    ],
  ],
  projectHeads: [
    ...(
      [
        [weight([4, 2]), undefined, "plain [4,2]"],
        [weight([3, 5]), undefined, "plain [3,5]"],
        [weight([2, 5], "matrix", "transposed"), undefined, "transposed [2,5]"],
        [weight([4, 5]), floats<Tensor1D>(2), "plain [4,5] with [2]"],
      ] as const
    ).map(([v, bias, got]): [() => unknown, string] => [
      () => {
        const good = { weight: weight([4, 5]) };
        return projectHeads(floats<Tensor3D>(1, 3, 5), { q: good, k: good, v: { weight: v, bias } }, 2);
      },
      `projectHeads: expected plain matrices [heads · 2, 5] with biases [heads · 2] or none, got ${got}.`,
    ]),
  ],
  splitHeads: [[() => splitHeads(floats<Tensor3D>(1, 3, 5), 2), "splitHeads: expected a multiple of 2, got [1,3,5]."]],
  rmsNorm: [
    [() => rmsNorm(floats(2, 3), floats<Tensor1D>(1), 1), "rmsNorm: expected a scale [3] for [2,3], got [1]."],
    [
      () => rmsNorm(floats(2, 3), floats<Tensor1D>(3), 1, floats(1, 3)),
      "rmsNorm: expected a residual [2,3], got [1,3].",
    ],
  ],
  rotary: [
    ...(
      [
        [3, 3, 4],
        [1, 2, 4],
        [1, 3, 6],
        [1, 3, 3],
      ] as const
    ).map((table): [() => unknown, string] => [
      () => rotary(heads(2, 1, 3, 4), { cos: floats<Tensor3D>(...table), sin: floats<Tensor3D>(...table) }),
      `rotary: expected cosines and sines [2 or 1, 3, even and at most 4], got [${table}] and [${table}].`,
    ]),
    [
      () => rotary(heads(2, 1, 3, 4), { cos: floats<Tensor3D>(1, 3, 4), sin: floats<Tensor3D>(1, 3, 2) }),
      "rotary: expected cosines and sines [2 or 1, 3, even and at most 4], got [1,3,4] and [1,3,2].",
    ],
  ],
  attention: [
    ...(
      [
        [[1, 3, 3, 2], [1, 2, 3, 2], [1, 2, 3, 2], mask, "1 × 3 × 3"],
        [[2, 2, 3, 2], [1, 2, 3, 2], [1, 2, 3, 2], mask, "2 × 3 × 3"],
        [[1, 2, 3, 4], [1, 2, 3, 2], [1, 2, 3, 2], mask, "1 × 3 × 3"],
        [[1, 2, 3, 2], [1, 2, 3, 2], [1, 1, 3, 2], mask, "1 × 3 × 3"],
        [[1, 2, 2, 2], [1, 2, 3, 2], [1, 2, 3, 2], mask, "1 × 3 × 3"],
        [[1, 2, 3, 2], [1, 2, 4, 2], [1, 2, 4, 2], mask, "1 × 3 × 3"],
        [[2, 2, 3, 2], [2, 2, 3, 2], [2, 2, 3, 2], padded, "1 × 3 × 3"],
      ] as [number[], number[], number[], AttentionMask, string][]
    ).flatMap(([q, k, v, m, extents]) =>
      attend(floats(...q), floats(...k), floats(...v), m).map((run): [() => unknown, string] => [
        run,
        "attention: expected queries [B, H, L, D], keys [B, G, S, D] and values [B, G, S, Dv] with H a multiple of G, and a mask of " +
          `B × L × S, got [${q}], [${k}], [${v}] and ${extents}.`,
      ]),
    ),
  ],
  AttentionMask: [
    [() => new AttentionMask({ queries: 3, keys: 2 }), "AttentionMask: expected at least 3 keys, got 2."],
    ...[0, -1, 1.5].map((window): [() => unknown, string] => [
      () => new AttentionMask({ queries: 1, keys: 2, window }),
      `AttentionMask: expected a window of at least 1 key, got ${window}.`,
    ]),
    [
      () => new AttentionMask({ queries: 1, keys: 2, keyPadding: { rows: 2, values: new Uint8Array(3) } }),
      "AttentionMask: expected padding of 2 × 2 keys, got 3 values.",
    ],
    [
      () => {
        const used = new AttentionMask({ queries: 1, keys: 2, keyPadding: { rows: 1, values: Uint8Array.of(0, 1) } });
        used.dispose();
        return used.padding();
      },
      "AttentionMask: expected a mask in use, got one that was disposed.",
    ],
  ],
  gate: [
    [() => gate(floats(2, 3), floats(2, 1), silu), "gate: expected two tensors of one shape, got [2,3] and [2,1]."],
  ],
  gatedMlp: [
    ...(
      [
        [floats(5, 3), mlp, "[5,3], [3,2], [3,2], [2,3]"],
        [floats(5, 2), { ...mlp, up: weight([4, 2]) }, "[5,2], [3,2], [4,2], [2,3]"],
        [floats(5, 2), { ...mlp, down: weight([3, 2]) }, "[5,2], [3,2], [3,2], [3,2]"],
      ] as const
    ).map(([x, weights, got]): [() => unknown, string] => [
      () => gatedMlp(x, weights, silu),
      "gatedMlp: expected an input […, hidden], gate and up [intermediate, hidden], down [hidden, intermediate], " +
        `got ${got}.`,
    ]),
    [
      () => gatedMlp(floats(5, 2), { ...mlp, up: weight([3, 2], "matrix", "transposed") }, silu),
      "gatedMlp: expected gate, up and down in one layout, got plain, transposed and plain.",
    ],
  ],
  experts: [
    ...(
      [
        [{ ...routed, x: floats<Tensor2D>(5, 3) }, stacks, "[5,3], [5,2], [5,2], [4,3,2], [4,3,2], [4,2,3]", "int32"],
        [
          { ...routed, weights: floats<Tensor2D>(5, 1) },
          stacks,
          "[5,2], [5,2], [5,1], [4,3,2], [4,3,2], [4,2,3]",
          "int32",
        ],
        [
          { ...routed, indices: ints<Tensor2D>(4, 2) },
          stacks,
          "[5,2], [4,2], [5,2], [4,3,2], [4,3,2], [4,2,3]",
          "int32",
        ],
        [
          { ...routed, indices: floats<Tensor2D>(5, 2) },
          stacks,
          "[5,2], [5,2], [5,2], [4,3,2], [4,3,2], [4,2,3]",
          "float32",
        ],
        [
          { x: floats<Tensor2D>(0, 2), indices: ints<Tensor2D>(0, 2), weights: floats<Tensor2D>(0, 2) },
          stacks,
          "[0,2], [0,2], [0,2], [4,3,2], [4,3,2], [4,2,3]",
          "int32",
        ],
        [
          routed,
          { ...stacks, down: weight([4, 3, 2], "stack") },
          "[5,2], [5,2], [5,2], [4,3,2], [4,3,2], [4,3,2]",
          "int32",
        ],
      ] as const
    ).map(([tokens, weights, got, dtype]): [() => unknown, string] => [
      () => experts(tokens, weights, silu),
      "experts: expected x [T, M], int32 indices and weights [T, K], gate and up [E, I, M], down [E, M, I], " +
        `T at least 1, got ${got}, indices ${dtype}.`,
    ]),
    [
      () => experts(routed, { ...stacks, down: { ...stacks.down, layout: "transposed" } }, silu),
      "experts: expected gate, up and down in one layout, got plain, plain and transposed.",
    ],
    [
      () => experts({ ...routed, indices: fill([5, 2], 9, "int32") }, stacks, silu, "sparse"),
      "experts: expected indices from 0 to 3, or -1 for none, got 9.",
    ],
    [
      () => experts(routed, stacks, silu, "fused"),
      'experts: expected the strategy sparse, gathered, dense, got "fused". ' +
        "The engine in use has no fused experts kernel.",
    ],
    [
      () => experts(routed, stacks, silu, "random" as ExpertsStrategy),
      'experts: expected the strategy sparse, gathered, dense, got "random".',
    ],
    [
      () => withStandIn("MixtapeExperts", [5, 2], () => experts(routed, stacks, silu, "random" as ExpertsStrategy)),
      'experts: expected the strategy sparse, gathered, dense, fused, got "random".',
    ],
  ],
  chooseExperts: [
    ...[0, 5, 1.5].map((k): [() => unknown, string] => [
      () => chooseExperts(floats<Tensor2D>(2, 4), { k, score: "softmax", normalize: true, scale: 1 }),
      `chooseExperts: expected k between 1 and 4, got ${k}.`,
    ]),
    [
      () => {
        const bias = floats<Tensor1D>(2);
        return chooseExperts(floats<Tensor2D>(2, 4), { k: 1, score: "sigmoid", normalize: true, scale: 1, bias });
      },
      "chooseExperts: expected a bias [4], got [2].",
    ],
  ],
  topKIndices: [0, 5, 1.5].map((k) => [
    () => topKIndices(floats<Tensor2D>(2, 4), k),
    `topKIndices: expected k between 1 and 4, got ${k}.`,
  ]),
  takeAlongAxis: [
    [
      () => takeAlongAxis(floats<Tensor2D>(2, 4), ints<Tensor2D>(3, 1)),
      "takeAlongAxis: expected int32 indices [2, K] for [2,4], got int32 [3,1].",
    ],
    [
      () => takeAlongAxis(floats<Tensor2D>(2, 4), floats<Tensor2D>(2, 1)),
      "takeAlongAxis: expected int32 indices [2, K] for [2,4], got float32 [2,1].",
    ],
  ],
  stackViews: [
    [() => stackViews([]), "stackViews: expected at least one tensor, got none."],
    [
      () => stackViews([view("a", "F32", [2, 3]), view("b", "F32", [3, 2])]),
      "b: expected F32 [2,3] as in a, got F32 [3,2]. The tensors of one stack must have one shape and one dtype.",
    ],
    [
      () => stackViews([view("a", "F32", [2, 3]), view("b", "BF16", [2, 3])]),
      "b: expected F32 [2,3] as in a, got BF16 [2,3]. The tensors of one stack must have one shape and one dtype.",
    ],
  ],
  storage: [
    [() => storage.place(view("a", "F32", [2, 3]), "vector"), "a vector: expected 1 axes, got [2,3]."],
    [() => storage.place(view("a", "F32", [2]), "matrix"), "a matrix: expected 2 axes, got [2]."],
    [() => storage.place(view("a", "F32", [2, 3]), "stack"), "a stack: expected 3 axes, got [2,3]."],
    [
      () => storage.place(stackViews([view("a", "F32", [2]), view("b", "F32", [2])]), "matrix"),
      "a stack [2,2]: expected the role stack, got the role of one tensor.",
    ],
    [() => encodeWeight(apart, "F32", 4), "a stack [4,3,2]: expected a matrix from 0 to 3, got 4."],
    [() => encodeWeight(stacks.gate, "F32", -1), "a stack [4,3,2]: expected a matrix from 0 to 3, got -1."],
  ],
};

describe.each(Object.entries(COMPLAINTS))("%s", (_, complaints) => {
  test.each(complaints.map(([run, message]) => ({ message, run })))("$message", async ({ run, message }) => {
    const error = await Promise.resolve()
      .then(run)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpsError);
    expect(error).toBeInstanceOf(MixtapeError);
    expect(error).toMatchObject({ name: "OpsError", message });
  });
});
