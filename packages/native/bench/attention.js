// How fast attention is: `node bench/attention.js [threads]`, after a build. Decoding is bound by reading keys and values, so it is
// given in GB/s; prefill in GFLOP/s, where what masks hide does not count. Each beside its share of what the machine can do.

import { argv } from "node:process";
import { KEY_VALUE_DTYPES } from "../dist/addon/handles.js";
import { addon } from "../dist/addon.js";
import { measurePeaks } from "../dist/index.js";

const SHAPES = {
  "trinity-nano": { heads: 8, groups: 2, width: 128 },
  "qwen3-30b-a3b": { heads: 32, groups: 4, width: 128 },
  "mixtral-8x7b": { heads: 32, groups: 8, width: 128 },
};
const native = addon();
const { isa, processors } = native.info();
native.setThreads(Number(argv[2] ?? processors));
const { threads } = native.info();
const { readBytesPerSecond, bfloat16FlopsPerSecond, float32FlopsPerSecond } = measurePeaks();
const giga = (n) => (n / 1e9).toFixed(1);
console.log(`${isa}, ${threads} threads: ${giga(readBytesPerSecond)} GB/s read`);
console.log(`${giga(bfloat16FlopsPerSecond)} GFLOP/s bfloat16, ${giga(float32FlopsPerSecond)} GFLOP/s float32`);
for (const dtype of ["I8", "BF16", "F32"]) {
  for (const [name, shape] of Object.entries(SHAPES)) {
    for (const length of [16, 512, 2048, 8192, 32_768]) decode(name, shape, dtype, length);
    for (const length of [32, 512, 2048]) prefill(name, shape, dtype, length);
  }
}

/** Bytes of a key. */
function bytesOf(width, dtype) {
  return dtype === "I8" ? width + 4 : width * (dtype === "BF16" ? 2 : 4);
}

/** Many caches, as a model has layers: none finds its keys in the processor's cache. */
function decode(name, { heads, groups, width }, dtype, length) {
  const bytes = groups * length * 2 * bytesOf(width, dtype);
  const layers = Math.max(2, Math.min(64, Math.ceil(1e9 / bytes)));
  const all = Array.from({ length: layers }, () => filled(groups, length, width, dtype));
  const out = new Float32Array(heads * width);
  const shape = Int32Array.of(1, heads, groups, 1, 0, width, width);
  const q = normal(heads * width);
  const seconds = median(() => {
    for (const store of all) native.attention(out, q, store, null, null, shape, null, width ** -0.5, null, null);
  });
  const each = seconds / layers;
  const share = percent(bytes / each / readBytesPerSecond);
  console.log(
    `decode ${name} ${dtype} ${length} positions: ${(each * 1e6).toFixed(1)} µs, ${giga(bytes / each)} GB/s, ${share}`,
  );
  for (const store of all) native.release(store);
}

function prefill(name, { heads, groups, width }, dtype, length) {
  const store = filled(groups, length, width, dtype);
  const out = new Float32Array(heads * length * width);
  const shape = Int32Array.of(1, heads, groups, length, 0, width, width);
  const q = normal(heads * length * width);
  const seconds = median(() => native.attention(out, q, store, null, null, shape, null, width ** -0.5, null, null));
  const work = 4 * heads * width * ((length * (length + 1)) / 2);
  const share = percent(work / seconds / (dtype === "BF16" ? bfloat16FlopsPerSecond : float32FlopsPerSecond));
  console.log(
    `prefill ${name} ${dtype} ${length} tokens: ${(seconds * 1e3).toFixed(2)} ms, ${giga(work / seconds)} GFLOP/s, ${share}`,
  );
  native.release(store);
}

function filled(groups, length, width, dtype) {
  const store = native.createKeyValueStore(KEY_VALUE_DTYPES[dtype]);
  const numbers = normal(groups * length * width);
  native.appendKeyValues(store, numbers, numbers, 1, groups, length, width, width);
  return store;
}

/** The median of several runs, after one that is not counted. */
function median(run) {
  run();
  const times = [];
  const end = performance.now() + 250;
  while (times.length < 5 || (performance.now() < end && times.length < 200)) {
    const start = performance.now();
    run();
    times.push((performance.now() - start) / 1e3);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

function normal(count) {
  return Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1000) / 300 - 1.6);
}

function percent(fraction) {
  return `${Math.round(100 * fraction)} %`;
}
