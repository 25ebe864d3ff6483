/** Right arguments for every function of the addon. A function without an entry fails the test. */

/**
 * @typedef {import("./world.js").World} World
 * @type {Readonly<Record<string, (world: World) => unknown[]>>}
 */
export const SIGNATURES = {
  onError: () => [(/** @type {string} */ where) => new Error(where)],
  info: () => [],
  setThreads: (w) => [w.whole(1, 4)],
  openFile: (w) => [w.path(1)],
  mapWeight: (w) => {
    const [dtype, rows, columns] = [w.whole(0, 2), w.size(), w.size()];
    const files = Array.from({ length: w.whole(1, 4) }, () => w.file(rows * columns * 4));
    const offsets = w.doubles(files.map(() => w.whole(0, 2) * 4));
    return [dtype, rows, columns, files, offsets, null, null, null, null, w.flag()];
  },
  limitExperts: (w) => [w.whole(0, 1 << 20)],
  expertMemory: () => [],
  copyWeight: (w) => {
    const [dtype, rows, columns] = [w.whole(0, 2), w.size(), w.size()];
    const bytes = rows * columns * (dtype === 0 ? 4 : 2);
    return [dtype, rows, columns, Array.from({ length: w.whole(1, 4) }, () => w.bytes(bytes))];
  },
  splitWeight: (w) => {
    const count = w.whole(1, 4);
    return [w.weight(w.size() * count, w.size(), w.whole(1, 3)), count];
  },
  decodeWeight: (w) => {
    const [rows, columns, parts] = [w.size(), w.size(), w.whole(1, 3)];
    return [w.floats(rows * columns * parts), w.weight(rows, columns, parts)];
  },
  release: (w) => [
    w.one([() => w.file(1), () => w.weight(1, 1), () => w.keyValueStore(1, 1, 1, 1), () => w.graph([[], []])])(),
  ],
  linear: (w) => {
    const [tokens, rows, width] = [w.size(), w.size(), w.size()];
    const bias = w.flag() ? w.floats(rows) : null;
    return [w.floats(tokens * rows), w.floats(tokens * width), w.matrix(rows, width), bias, width, w.whole(0, 1)];
  },
  linearBack: (w) => {
    const [tokens, rows, width] = [w.size(), w.size(), w.size()];
    return [w.floats(tokens * width), w.floats(tokens * rows), w.matrix(rows, width), rows, w.whole(0, 1), w.flag()];
  },
  readAll: (w) => [w.bytes(4 * w.size())],
  multiplyRounds: (w) => [w.whole(0, 1), w.whole(0, 100)],
  matMul: (w) => {
    const [m, depth, n, transposeA, transposeB] = [w.size(), w.size(), w.size(), w.flag(), w.flag()];
    const [lefts, rights, count] = [w.whole(1, 3), w.whole(1, 3), w.whole(1, 4)];
    const a = transposeA ? w.matrix(depth, m, lefts) : w.matrix(m, depth, lefts);
    const b = transposeB ? w.matrix(n, depth, rights) : w.matrix(depth, n, rights);
    const indices = [w.indices(count, lefts), w.indices(count, rights)];
    return [w.floats(count * m * n), a, b, ...indices, m, depth, n, transposeA, transposeB];
  },
  projectHeads: (w) => {
    const [rows, length, width, head] = [w.whole(1, 3), w.size(), w.size(), w.size()];
    const outputs = [w.whole(1, 4), w.whole(1, 4), w.whole(1, 4)].map((heads) => heads * head);
    const out = outputs.map((size) => w.floats(rows * length * size));
    const weights = outputs.map((size) => w.matrix(size, width));
    const biases = outputs.map((size) => (w.flag() ? w.floats(size) : null));
    return [...out, w.floats(rows * length * width), ...weights, ...biases, width, length, head, w.whole(0, 1)];
  },
  gatedMlp: (w) => {
    const [tokens, width, inner] = [w.size(), w.size(), w.size()];
    const matrices = [w.matrix(inner, width), w.matrix(inner, width), w.matrix(width, inner)];
    const x = [w.floats(tokens * width), w.floats(tokens * width)];
    const biases = [inner, inner, width].map((size) => (w.flag() ? w.floats(size) : null));
    return [...x, ...matrices, ...biases, width, inner, w.gating(), w.whole(0, 1)];
  },
  experts: (w) => {
    const [tokens, width, inner, count, choices] = [w.size(), w.size(), w.size(), w.whole(1, 5), w.whole(1, 3)];
    const stacks = [w.matrix(inner, width, count), w.matrix(inner, width, count), w.matrix(width, inner, count)];
    const routed = [w.indicesOrNone(tokens * choices, count), w.floats(tokens * choices)];
    const biases = [inner, inner, width].map((size) => (w.flag() ? w.floats(count * size) : null));
    const x = [w.floats(tokens * width), w.floats(tokens * width)];
    return [...x, ...routed, ...stacks, ...biases, count, width, inner, w.gating(), w.whole(0, 1)];
  },
  expertsBack: (w) => {
    const [tokens, width, inner, count, choices] = [w.size(), w.size(), w.size(), w.whole(1, 5), w.whole(1, 3)];
    const sizes = [inner, inner, width].map((size) => count * size);
    const wanted = [tokens * width, tokens * choices, ...[0, 0, 0].map(() => count * width * inner), ...sizes];
    const stacks = [w.matrix(inner, width, count), w.matrix(inner, width, count), w.matrix(width, inner, count)];
    const routed = [w.indicesOrNone(tokens * choices, count), w.floats(tokens * choices), w.floats(tokens * width)];
    const biases = sizes.map((size) => (w.flag() ? w.floats(size) : null));
    const shape = w.indices(4, 1);
    shape.set([count, width, inner, w.whole(0, 1)]);
    const out = wanted.map((size) => (w.flag() ? w.floats(size) : null));
    return [...out, w.floats(tokens * width), ...routed, ...stacks, ...biases, shape, w.gating()];
  },
  rmsNormBack: (w) => {
    const [rows, width] = [w.size(), w.size()];
    const out = [w.flag() ? w.floats(rows * width) : null, w.flag() ? w.floats(width) : null];
    return [...out, w.floats(rows * width), w.floats(width), w.floats(rows * width), 1e-5];
  },
  crossEntropy: (w) => {
    const [rows, width] = [w.size(), w.size()];
    return [w.floats(rows), w.floats(rows * width), w.indices(rows, width)];
  },
  crossEntropyBack: (w) => {
    const [rows, width] = [w.size(), w.size()];
    return [w.floats(rows * width), w.floats(rows * width), w.indices(rows, width), w.floats(rows)];
  },
  rmsNorm: (w) => {
    const [rows, width] = [w.size(), w.size()];
    const residual = w.flag() ? w.floats(rows * width) : null;
    return [w.floats(rows * width), w.floats(rows * width), w.floats(width), residual, 1e-5];
  },
  rotary: (w) => {
    const [tables, heads, length, half] = [w.whole(1, 2), w.whole(1, 4), w.size(), w.size()];
    const width = 2 * half + w.whole(0, 3);
    const size = tables * heads * length * width;
    const table = tables * length * 2 * half;
    return [w.floats(size), w.floats(size), w.floats(table), w.floats(table), length, width, 2 * half, w.flag()];
  },
  gate: (w) => {
    const size = w.size();
    return [w.floats(size), w.floats(size), w.floats(size), w.gating()];
  },
  gateBack: (w) => {
    const size = w.size();
    return [...Array.from({ length: 5 }, () => w.floats(size)), w.gating()];
  },
  adamW: (w) => {
    const size = w.size();
    const gradient = w.flag() ? w.floats(size) : null;
    return [
      ...Array.from({ length: 6 }, () => w.floats(size)),
      gradient,
      w.doubles([0.9, 0.999, 1e-8, 0.99, 0.1, 1, 0.5]),
    ];
  },
  sumSquares: (w) => [w.floats(1), w.floats(w.size())],
  embedding: (w) => {
    const [ids, rows, width] = [w.size(), w.size(), w.size()];
    return [w.floats(ids * width), w.indices(ids, rows), w.matrix(rows, width), rows];
  },
  chooseExperts: (w) => {
    const [tokens, experts] = [w.size(), w.size()];
    const k = w.whole(1, experts);
    const out = [w.indices(tokens * k, 9), w.floats(tokens * k)];
    const bias = w.flag() ? w.floats(experts) : null;
    return [...out, w.floats(tokens * experts), bias, experts, k, w.flag(), w.flag(), 2.5];
  },
  topKIndices: (w) => {
    const [rows, width] = [w.size(), w.size()];
    const k = w.whole(1, width);
    return [w.indices(rows * k, 9), w.floats(rows * width), width, k];
  },
  takeAlongAxis: (w) => {
    const [rows, width] = [w.size(), w.size()];
    const k = w.whole(1, width);
    return [w.floats(rows * k), w.floats(rows * width), w.indices(rows * k, width), width, k];
  },
  binary: (w) => {
    const [m, n] = [w.size(), w.size()];
    if (w.flag()) return [w.floats(m * n), w.floats(m * n), w.floats(n), w.whole(0, 3)];
    return [w.floats(m * n), w.floats(m), w.floats(n), w.whole(0, 3), w.doubles([m, 1, 0, n, 0, 1])];
  },
  unary: (w) => {
    const size = w.size();
    return [w.floats(size), w.floats(size), w.whole(0, 9)];
  },
  sumRows: (w) => {
    const rows = w.size();
    return [w.floats(rows), w.floats(rows * w.size()), w.size()];
  },
  maxRows: (w) => {
    const rows = w.size();
    return [w.floats(rows), w.floats(rows * w.size())];
  },
  sumColumns: (w) => {
    const [outer, n, inner] = [w.size(), w.size(), w.size()];
    return [w.floats(outer * inner), w.floats(outer * n * inner), inner];
  },
  softmax: (w) => {
    const [rows, width] = [w.size(), w.size()];
    return [w.floats(rows * width), w.floats(rows * width), width];
  },
  stridedCopy: (w) => {
    const [m, n, before, after] = [w.size(), w.size(), w.whole(0, 3), w.whole(0, 3)];
    const axes = w.doubles(w.flag() ? [m, n, n, n, 1, 1] : [n, m, 1, m, 1, n]);
    return [w.floats(before + m * n), before, w.floats(after + m * n), after, axes];
  },
  gather: (w) => {
    const [outer, rows, width, indices] = [w.size(), w.size(), w.size(), w.size()];
    return [w.floats(outer * indices * width), w.floats(outer * rows * width), w.indices(indices, rows), outer, rows];
  },
  segmentSum: (w) => {
    const [ids, width, segments] = [w.size(), w.size(), w.size()];
    return [w.floats(segments * width), w.floats(ids * width), w.indices(ids, segments), width];
  },
  createGraph: (w) => callsOf(w),
  replayGraph: (w) => [w.graph(callsOf(w)), w.indices(1, 1)],
  runGraph: (w) => [w.graph(callsOf(w))],
  cancelGraph: (w) => [w.graph(callsOf(w))],
  createKeyValueStore: (w) => [w.whole(0, 2)],
  appendKeyValues: (w) => {
    const [rows, heads, length, width, count] = [w.whole(1, 3), w.whole(1, 3), w.whole(0, 300), w.size(), w.size()];
    const lanes = rows * heads * count;
    // As those stored; an empty store may take values of another width, or none.
    const valueWidth = length > 0 ? width : w.whole(1, width);
    const values = length > 0 || w.flag() ? w.floats(lanes * valueWidth) : null;
    return [
      w.keyValueStore(rows, heads, length, width),
      w.floats(lanes * width),
      values,
      rows,
      heads,
      count,
      width,
      valueWidth,
    ];
  },
  appendKeyValueCodes: (w) => {
    const [rows, heads, length, width, count] = [w.whole(1, 3), w.whole(1, 3), w.whole(0, 300), w.size(), w.size()];
    const lanes = rows * heads * count;
    const valueWidth = length > 0 ? width : w.whole(1, width);
    const hasValues = length > 0 || w.flag();
    return [
      w.keyValueStore(rows, heads, length, width, 2),
      w.indices(lanes * width, 128),
      w.floats(lanes),
      hasValues ? w.indices(lanes * valueWidth, 128) : null,
      hasValues ? w.floats(lanes) : null,
      rows,
      heads,
      count,
      width,
      valueWidth,
    ];
  },
  evictKeyValues: (w) => {
    const length = w.whole(0, 600);
    return [w.keyValueStore(1, 2, length, 3), w.whole(0, length)];
  },
  truncateKeyValues: (w) => [w.keyValueStore(2, 1, w.whole(0, 600), 3), w.whole(0, 600)],
  reorderKeyValues: (w) => {
    const rows = w.whole(1, 3);
    return [w.keyValueStore(rows, 1, w.whole(1, 300), 3), w.indices(w.size(), rows)];
  },
  readKeyValues: (w) => {
    const [rows, heads, length, width] = [w.whole(1, 3), w.whole(1, 3), w.whole(1, 300), w.size()];
    return [w.floats(rows * heads * length * width), w.keyValueStore(rows, heads, length, width), w.flag()];
  },
  readKeyValueCodes: (w) => {
    const [rows, heads, length, width] = [w.whole(1, 3), w.whole(1, 3), w.whole(1, 300), w.size()];
    const positions = rows * heads * length;
    const store = w.keyValueStore(rows, heads, length, width, 2);
    return [w.indices(positions * width, 1), w.floats(positions), store, w.flag()];
  },
  keyValueStoreBytes: (w) => [w.keyValueStore(1, 2, w.whole(0, 300), 3)],
  attention: (w) => {
    const [rows, groups, length, width] = [w.whole(1, 3), w.whole(1, 3), w.one([w.size(), 300]), w.size()];
    const [heads, queries] = [groups * w.whole(1, 4), w.whole(1, length)];
    const [lanes, all] = [rows * heads * queries, rows * groups * length];
    const [isStored, isPacked] = [w.flag(), w.flag()];
    const valueWidth = isStored ? width : w.size();
    const numbers = () => [w.floats(all * width), w.floats(all * valueWidth)];
    const stored = isStored ? [w.keyValueStore(rows, groups, length, width), null] : numbers();
    const tokens = w.flag() ? w.indices(rows * length, 2) : null;
    const shape = w.indices(7, 1);
    shape.set([rows, heads, groups, queries, isStored ? 0 : length, width, valueWidth]);
    const starts = isPacked && queries === length ? startsOf(w, rows, length) : null;
    const window = w.flag() ? w.whole(1, length) : null;
    const sinks = w.flag() ? w.floats(heads) : null;
    const [out, q] = [w.floats(lanes * valueWidth), w.floats(lanes * width)];
    return [out, q, ...stored, tokens, shape, window, 0.5, starts, sinks];
  },
  gatedDeltaRule: (w) => {
    const [rows, length, groups] = [w.whole(1, 3), w.size(), w.whole(1, 3)];
    const [heads, keyWidth, valueWidth] = [groups * w.whole(1, 3), w.size(), w.size()];
    const tokens = rows * length;
    const [keys, values, states] = [groups * keyWidth, heads * valueWidth, rows * heads * keyWidth * valueWidth];
    const shape = w.indices(6, 1);
    shape.set([rows, length, groups, heads, keyWidth, valueWidth]);
    const outputs = [w.floats(tokens * values), w.floats(states)];
    const inputs = [keys, keys, values, heads, heads].map((size) => w.floats(tokens * size));
    return [...outputs, ...inputs, w.flag() ? w.floats(states) : null, shape, 0.5, w.flag() ? 1e-6 : null];
  },
  causalConvolution: (w) => {
    const [rows, length, width, taps] = [w.whole(1, 3), w.size(), w.size(), w.whole(1, 11)];
    const [size, before] = [rows * length * width, rows * (taps - 1) * width];
    const past = w.flag() ? w.floats(before) : null;
    return [w.floats(size), w.floats(before), w.floats(size), w.floats(width * taps), past, rows, length, width, taps];
  },
  attentionBack: (w) => {
    const [rows, groups, length, width] = [w.whole(1, 3), w.whole(1, 3), w.one([w.size(), 130]), w.size()];
    const isPacked = w.flag();
    const [heads, queries] = [groups * w.whole(1, 4), isPacked ? length : w.whole(1, length)];
    const valueWidth = w.flag() ? width : w.size();
    const [outputs, positions] = [rows * heads * queries, rows * groups * length];
    const [q, keys, values] = [outputs * width, positions * width, positions * valueWidth];
    const arrays = [q, keys, values, q, keys, values, outputs * valueWidth].map((count) => w.floats(count));
    const shape = w.indices(7, 1);
    shape.set([rows, heads, groups, queries, length, width, valueWidth]);
    const tokens = w.flag() ? w.indices(rows * length, 2) : null;
    const starts = isPacked ? startsOf(w, rows, length) : null;
    return [...arrays, tokens, starts, shape, w.flag() ? w.whole(1, length) : null, 0.5];
  },
};

/**
 * Where the documents of packed rows begin: documents of two positions, and one of the rest.
 * @param {World} w
 */
function startsOf(w, /** @type {number} */ rows, /** @type {number} */ length) {
  const starts = w.indices(rows * length, 1);
  for (let i = 0; i < starts.length; i++) starts[i] = Math.min(Math.floor((i % length) / 2), 3) * 2;
  return starts;
}

/** Functions that a graph may hold. */
const CAPTURABLE = [
  "linear",
  "matMul",
  "gatedMlp",
  "experts",
  "projectHeads",
  "rmsNorm",
  "rotary",
  "gate",
  "embedding",
].concat(
  ["chooseExperts", "topKIndices", "takeAlongAxis", "binary", "unary", "sumRows", "maxRows", "sumColumns", "softmax"],
  ["stridedCopy", "gather", "segmentSum", "appendKeyValues", "attention", "gatedDeltaRule", "causalConvolution"],
);

/**
 * Calls for a graph.
 * @param {World} w
 * @returns {[names: string[], lists: unknown[][]]}
 */
function callsOf(w) {
  const names = Array.from({ length: w.whole(0, 4) }, () => w.one(CAPTURABLE));
  return [names, names.map((name) => SIGNATURES[name]?.(w) ?? [])];
}
