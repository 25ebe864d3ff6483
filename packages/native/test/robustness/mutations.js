/** Ways to spoil right arguments. */

/** What a getter throws: not ours, and to be handed on as it is. */
export const SENTINEL = new Error("thrown by a getter");

/**
 * @typedef {import("./world.js").World} World
 * @typedef {Float32Array | Int32Array | Uint8Array | Float64Array} Numbers
 * @typedef {(world: World, args: unknown[], index: number) => void} Mutation
 */

/** @returns {value is Numbers} */
const isNumbers = (/** @type {unknown} */ value) =>
  ArrayBuffer.isView(value) &&
  [Float32Array, Int32Array, Uint8Array, Float64Array].some((type) => value instanceof type);

/** @returns {value is import("../../src/addon/handles.js").NativeFile} */
const isHandle = (/** @type {unknown} */ value) =>
  typeof value === "object" && value !== null && !isNumbers(value) && !Array.isArray(value);

const typeOf = (/** @type {Numbers} */ numbers) => /** @type {import("./world.js").ArrayType} */ (numbers.constructor);

/** Buffers that can be resized: Node 20 has them, this project's library of types has not. */
const Resizable =
  /** @type {new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer & { resize(n: number): void }} */ (
    /** @type {unknown} */ (ArrayBuffer)
  );

/** Takes an array's memory away, unless it is shared. */
const detach = (/** @type {Numbers} */ { buffer }) => {
  if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] });
};

class Floats extends Float32Array {}

const throwing = {
  get length() {
    throw SENTINEL;
  },
  valueOf() {
    throw SENTINEL;
  },
  toString() {
    throw SENTINEL;
  },
};

/** Values of every kind that JavaScript has. */
const VALUES = [
  ...[undefined, null, true, false, "text", "", "a\0b", 10n, Symbol("symbol"), throwing],
  ...[Number.NaN, -1, -0, 0, 0.5, 1, 2, 3, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53, 1e300],
  () => new Float32Array(8),
  () => ({}),
  () => [],
  () => [1, 2, 3],
  () => new Array(2 ** 32 - 1),
  () => Object.create(Float32Array.prototype),
  () => new Proxy(new Float32Array(4), {}),
  () => new Proxy([], {}),
  () => new Floats(4),
  () => new Int32Array(4),
  () => new Float64Array(3),
  () => new Uint8ClampedArray(4),
  () => new BigInt64Array(4),
  () => new DataView(new ArrayBuffer(16)),
  () => new ArrayBuffer(16),
  () => new SharedArrayBuffer(16),
  () => () => {},
];

/** @type {Readonly<Record<string, Mutation>>} */
export const MUTATIONS = {
  /** Another value. */
  value(w, args, i) {
    const value = w.one(VALUES);
    args[i] = typeof value === "function" ? value() : value;
  },
  /** A handle, of any kind, in use or released. */
  handle(w, args, i) {
    const handles = [() => w.file(8), () => w.weight(2, 2), () => w.weight(2, 2, 2), () => w.keyValueStore(1, 1, 4, 2)];
    const handle = w.one([...handles, () => w.graph([[], []])])();
    if (w.flag()) w.addon.release(handle);
    args[i] = handle;
  },
  /** A handle that was released, the argument's own or one that a graph was made with. */
  release(w, args, i) {
    const below = w.argumentsOf(args[i]).filter(isHandle);
    const value = below.length > 0 && w.flag() ? w.one(below) : args[i];
    if (isHandle(value)) w.addon.release(value);
  },
  /** A number beside the right one, or far from it. */
  number(w, args, i) {
    const value = args[i];
    if (typeof value !== "number") return;
    const others = [
      value - 1,
      value + 1,
      value * 2,
      -value,
      value + 0.5,
      value + 2 ** 32,
      value * 2 ** 32,
      2 ** 47,
      2 ** 48,
    ];
    args[i] = w.one(others);
  },
  /** An array of another length. */
  length(w, args, i) {
    const value = args[i];
    if (!isNumbers(value)) return;
    const length = w.one([0, value.length - 1, value.length + 1, value.length * 2, w.size()]);
    args[i] = w.array(typeOf(value), Math.max(0, length));
  },
  /** An array of numbers that mean something else. */
  elements(w, args, i) {
    const value = args[i];
    if (!isNumbers(value) || value.length === 0) return;
    const odd = [-1, 0, 1, 7, 2 ** 31 - 1, -(2 ** 31), Number.NaN, Infinity, -Infinity, 0.5, 2 ** 40, 2 ** 53, 1e-45];
    for (let n = w.whole(1, 3); n > 0; n--) value[w.whole(0, value.length - 1)] = w.one(odd);
  },
  detached(w, args, i) {
    if (isNumbers(args[i])) detach(/** @type {Numbers} */ (args[i]));
    const below = w.argumentsOf(args[i]).filter(isNumbers);
    if (below.length > 0) detach(w.one(below));
  },
  shared(_, args, i) {
    const value = args[i];
    if (!isNumbers(value)) return;
    args[i] = new (typeOf(value))(
      /** @type {ArrayBuffer} */ (/** @type {unknown} */ (new SharedArrayBuffer(value.byteLength))),
    );
  },
  /** An array as long as its buffer, which may have become shorter or longer than it was. */
  resizable(w, args, i) {
    const value = args[i];
    if (!isNumbers(value) || value.length === 0) return;
    const size = value.BYTES_PER_ELEMENT;
    const buffer = new Resizable(value.byteLength, { maxByteLength: value.byteLength + 64 * size });
    args[i] = w.flag() ? new (typeOf(value))(buffer) : new (typeOf(value))(buffer, 0, value.length);
    if (w.flag()) buffer.resize(w.whole(0, value.length + 64) * size);
  },
  /** The memory of another argument, or of a part of it. */
  aliased(w, args, i) {
    const value = args[i];
    const other = w.one(args.filter(isNumbers).concat(isNumbers(value) ? [value] : []));
    if (!isNumbers(value) || !other || other.byteLength === 0) return;
    const size = value.BYTES_PER_ELEMENT;
    const first = Math.ceil(other.byteOffset / size) + w.whole(0, Math.max(0, Math.floor(other.byteLength / size) - 1));
    const room = Math.floor((other.byteOffset + other.byteLength) / size) - first;
    if (room < 0) return;
    args[i] = new (typeOf(value))(
      /** @type {ArrayBuffer} */ (other.buffer),
      first * size,
      Math.min(value.length, room),
    );
  },
  /** An array with an item of another kind, too many of them, or a getter that pulls the ground from under the others. */
  items(w, args, i) {
    const items = args[i];
    if (!Array.isArray(items) || items.length > 100) return;
    const place = w.whole(0, items.length);
    const inner = items[place];
    w.one([
      () =>
        Array.isArray(inner) &&
        MUTATIONS[w.one(["value", "length", "number", "elements", "aliased", "fewer"])]?.(w, inner, 0),
      () => items.splice(place, 1),
      () => items.push(items[0]),
      () => MUTATIONS.value?.(w, items, place),
      () => MUTATIONS.length?.(w, items, place),
      () => MUTATIONS.detached?.(w, items, place),
      () => MUTATIONS.handle?.(w, items, place),
      () => {
        items.length += w.whole(0, 3);
      },
    ])();
  },
  getter(w, args, i) {
    const items = args[i];
    if (!Array.isArray(items) || items.length > 100) return;
    const [first] = items;
    const acts = [
      () => {
        throw SENTINEL;
      },
      () => {
        for (const value of args.filter(isNumbers)) detach(value);
      },
      () => {
        items.length = 0;
      },
      () => w.addon.release(/** @type {import("../../src/addon/handles.js").NativeFile} */ (first)),
      () => w.addon.setThreads(w.whole(1, 3)),
    ];
    const act = w.one(acts);
    Object.defineProperty(items, w.whole(0, items.length), {
      configurable: true,
      get() {
        act();
        return first;
      },
      // Of a mutation that comes later.
      set() {},
    });
  },
  fewer(_, args, i) {
    args.length = i;
  },
  more(w, args) {
    args.push(w.one(VALUES), w.floats(4));
  },
};
