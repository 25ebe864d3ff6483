// How fast attention is: `node bench/attention.js`, after a build. Decoding is bound by reading keys and values, so it is given
// in GB/s and as a fraction of what a product with a large matrix reads; prefill in GFLOP/s, what masks hide not counted.

import { argv } from "node:process";
import { addon, DTYPES } from "../dist/addon.js";

const SHAPES = {
  "trinity-nano": { heads: 8, groups: 2, width: 128 },
  "qwen3-30b-a3b": { heads: 32, groups: 4, width: 128 },
  "mixtral-8x7b": { heads: 32, groups: 8, width: 128 },
};
const native = addon();
const { isa, processors } = native.info();
native.setThreads(Number(argv[2] ?? processors));
const { threads } = native.info();
const stream = readsPerSecond();
console.log(`${isa}, ${threads} threads; a product reads ${stream.toFixed(1)} GB/s`);
for (const dtype of ["BF16", "F32"]) {
  for (const [name, shape] of Object.entries(SHAPES)) {
    for (const length of [16, 512, 2048, 8192, 32_768]) decode(name, shape, dtype, length);
    for (const length of [32, 512, 2048]) prefill(name, shape, dtype, length);
  }
}

/** Many caches, as a model has layers: none finds its keys in the processor's cache. */
function decode(name, { heads, groups, width }, dtype, length) {
  const bytes = groups * length * width * 2 * (dtype === "BF16" ? 2 : 4);
  const layers = Math.max(2, Math.min(64, Math.ceil(1.5e9 / bytes)));
  const all = Array.from({ length: layers }, () => filled(groups, length, width, dtype));
  const out = new Float32Array(heads * width);
  const shape = Int32Array.of(1, heads, groups, 1, length, width);
  const q = normal(heads * width);
  const seconds = fastest(() => {
    for (const slots of all) native.attention(out, q, slots, null, null, shape, null, width ** -0.5);
  });
  const each = seconds / layers;
  const rate = bytes / each / 1e9;
  console.log(
    `decode ${name} ${dtype} ${length} slots: ${(each * 1e6).toFixed(1)} µs, ${rate.toFixed(1)} GB/s, ${percent(rate / stream)}`,
  );
  for (const slots of all) native.release(slots);
}

function prefill(name, { heads, groups, width }, dtype, length) {
  const slots = filled(groups, length, width, dtype);
  const out = new Float32Array(heads * length * width);
  const shape = Int32Array.of(1, heads, groups, length, length, width);
  const q = normal(heads * length * width);
  const seconds = fastest(() => native.attention(out, q, slots, null, null, shape, null, width ** -0.5));
  const work = 4 * heads * width * ((length * (length + 1)) / 2);
  console.log(
    `prefill ${name} ${dtype} ${length} tokens: ${(seconds * 1e3).toFixed(2)} ms, ${(work / seconds / 1e9).toFixed(0)} GFLOP/s`,
  );
  native.release(slots);
}

function filled(groups, length, width, dtype) {
  const slots = native.createSlots(DTYPES[dtype]);
  const numbers = normal(groups * length * width);
  native.appendSlots(slots, numbers, numbers, 1, groups, length, width);
  return slots;
}

function readsPerSecond() {
  const [rows, columns] = [65_536, 2048];
  const weight = native.copyWeight(DTYPES.BF16, rows, columns, [new Uint8Array(rows * columns * 2).fill(60)]);
  const [out, x] = [new Float32Array(rows), normal(columns)];
  const seconds = fastest(() => native.linear(out, x, weight, null, columns, 0));
  native.release(weight);
  return (rows * columns * 2) / seconds / 1e9;
}

/** The median of several runs, after one that is not counted. */
function fastest(run) {
  run();
  const times = [];
  const end = performance.now() + 400;
  while (times.length < 5 || (performance.now() < end && times.length < 200)) {
    const start = performance.now();
    run();
    times.push((performance.now() - start) / 1e3);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

function normal(count) {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * 1.5);
}

function percent(fraction) {
  return `${Math.round(100 * fraction)} %`;
}
