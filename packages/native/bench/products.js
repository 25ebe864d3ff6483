// How fast products are: `npm run bench:kernels` after a build, `node bench/products.js [threads]` for so many. Each is given in
// GB/s of weights read, in GFLOP/s, and as a fraction of what this machine could do at most: the time that reading the weights
// takes, or the operations, whichever is more. Weights are used in turn, more than a gigabyte of them: no cache holds any.

import { argv } from "node:process";
import { DTYPES, PRECISIONS } from "../dist/addon/handles.js";
import { addon } from "../dist/addon.js";
import { measurePeaks } from "../dist/index.js";

/** Trinity-Nano: projections, experts, head. Qwen3-30B-A3B: projections, experts. Mixtral-8x7B: experts. */
const SHAPES = [
  { rows: 1024, columns: 1024 },
  { rows: 256, columns: 1024 },
  { rows: 200_192, columns: 1024 },
  { rows: 4096, columns: 2048 },
  { rows: 768, columns: 2048 },
  { rows: 2048, columns: 768 },
  { rows: 14_336, columns: 4096 },
];
const PREFILL = [
  { rows: 768, columns: 2048, tokens: 8 },
  { rows: 768, columns: 2048, tokens: 32 },
  { rows: 2048, columns: 768, tokens: 32 },
  { rows: 768, columns: 2048, tokens: 128 },
  { rows: 2048, columns: 2048, tokens: 512 },
  { rows: 4096, columns: 14_336, tokens: 128 },
];
const ALL_BYTES = 1.25e9;
const TURNS = 3;

const native = addon();
const { isa, processors } = native.info();
native.setThreads(Number(argv[2] ?? processors));
const peaks = measurePeaks();
const giga = (/** @type {number} */ number) => (number / 1e9).toFixed(1);
console.log(
  `${isa}, ${native.info().threads} threads: reads ${giga(peaks.readBytesPerSecond)} GB/s, multiplies ` +
    `${giga(peaks.bfloat16FlopsPerSecond)} GFLOP/s in bfloat16, ${giga(peaks.float32FlopsPerSecond)} in float32`,
);
for (const dtype of /** @type {const} */ (["BF16", "F16", "F32"]))
  for (const shape of SHAPES) linear({ ...shape, tokens: 1, dtype });
for (const shape of PREFILL) linear({ ...shape, dtype: "BF16" });
for (const dtype of /** @type {const} */ (["BF16", "F32"]))
  for (const shape of PREFILL) linear({ ...shape, dtype, precision: "float32" });
for (const size of [128, 512, 1024]) {
  matMul(size, false, false);
  matMul(size, false, true);
  matMul(size, true, false);
}

/** @param {{ rows: number, columns: number, tokens: number, dtype: "BF16" | "F16" | "F32", precision?: "bfloat16" | "float32" }} one */
function linear({ rows, columns, tokens, dtype, precision = "bfloat16" }) {
  const bytes = rows * columns * (dtype === "F32" ? 4 : 2);
  // The bytes of a small number in each format.
  const values = new Uint8Array(bytes).fill(0x3a);
  const weights = Array.from({ length: Math.max(2, Math.ceil(ALL_BYTES / bytes)) }, () =>
    native.copyWeight(DTYPES[dtype], rows, columns, [values]),
  );
  const [x, out] = [new Float32Array(tokens * columns).fill(0.5), new Float32Array(tokens * rows)];
  const work = 2 * rows * columns * tokens;
  const used = weights.slice(0, Math.max(2, Math.ceil(4e11 / work)));
  const seconds = fastest(used.length, () => {
    for (const weight of used) native.linear(out, x, weight, null, columns, PRECISIONS[precision]);
  });
  for (const weight of weights) native.release(weight);
  const inPairs = dtype === "BF16" && precision === "bfloat16";
  const flops = inPairs ? peaks.bfloat16FlopsPerSecond : peaks.float32FlopsPerSecond;
  const bound = Math.max(bytes / peaks.readBytesPerSecond, work / flops);
  const name = `linear ${dtype} [${rows}, ${columns}], ${tokens} ${tokens === 1 ? "token" : "tokens"}, ${precision}`;
  report(name, seconds, bound, `${giga(bytes / seconds)} GB/s, ${giga(work / seconds)} GFLOP/s`);
}

function matMul(/** @type {number} */ size, /** @type {boolean} */ transposeA, /** @type {boolean} */ transposeB) {
  const [a, b, out] = [1, 2, 0].map((value) => new Float32Array(size * size).fill(value));
  const one = new Int32Array(1);
  const work = 2 * size ** 3;
  const runs = Math.max(1, Math.ceil(2e9 / work));
  const seconds = fastest(runs, () => {
    for (let i = 0; i < runs; i++) native.matMul(out, a, b, one, one, size, size, size, transposeA, transposeB);
  });
  const name = `matMul ${size}³${transposeA ? ", a transposed" : ""}${transposeB ? ", b transposed" : ""}`;
  report(name, seconds, work / peaks.float32FlopsPerSecond, `${giga(work / seconds)} GFLOP/s`);
}

/** Seconds of one call, in the fastest of some turns of so many. */
function fastest(/** @type {number} */ calls, /** @type {() => void} */ run) {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < TURNS; turn++) {
    const start = performance.now();
    run();
    least = Math.min(least, (performance.now() - start) / 1e3);
  }
  return least / calls;
}

function report(
  /** @type {string} */ name,
  /** @type {number} */ seconds,
  /** @type {number} */ bound,
  /** @type {string} */ rate,
) {
  console.log(
    `${name}: ${(seconds * 1e6).toFixed(0)} µs, ${rate}, ${Math.round((100 * bound) / seconds)} % of the bound`,
  );
}
