/** What right arguments are made of. All numbers come from one seed, so that a failure can be made again. */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Bytes on either side of an array, which no call may touch. */
const GUARD = 64;
const PATTERN = 0xa5;

/**
 * @typedef {Float32ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor | Float64ArrayConstructor} ArrayType
 * @typedef {import("../../src/addon.js").Addon} Addon
 */

/** How many files there were. */
let files = 0;

export class World {
  /** @type {number} */
  #state;
  /** @type {Uint8Array[]} */
  #guards = [];
  /** @type {WeakMap<object, unknown[]>} */
  #arrays = new WeakMap();

  /**
   * @param {Addon} addon
   * @param {string} folder a folder for files
   * @param {number} seed
   */
  constructor(addon, folder, seed) {
    this.addon = addon;
    this.folder = folder;
    this.#state = seed;
  }

  /** A whole number from `least` to `most`. */
  whole(/** @type {number} */ least, /** @type {number} */ most) {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return least + (((t ^ (t >>> 14)) >>> 0) % (most - least + 1));
  }

  /** A length that is small, and now and then longer than one thread's share. */
  size() {
    return this.whole(0, 9) === 0 ? this.whole(10, 80) : this.whole(1, 9);
  }

  flag() {
    return this.whole(0, 1) === 1;
  }

  /**
   * @template T
   * @param {readonly T[]} all
   */
  one(all) {
    return /** @type {T} */ (all[this.whole(0, all.length - 1)]);
  }

  /**
   * An array between guards.
   * @template {ArrayType} T
   * @param {T} type
   * @param {number} length
   */
  array(type, length) {
    const buffer = new ArrayBuffer(GUARD + length * type.BYTES_PER_ELEMENT + GUARD);
    this.watch(new Uint8Array(buffer, 0, GUARD));
    this.watch(new Uint8Array(buffer, buffer.byteLength - GUARD));
    return /** @type {InstanceType<T>} */ (new type(buffer, GUARD, length));
  }

  /** Fills bytes, which are to stay as they are. */
  watch(/** @type {Uint8Array} */ bytes) {
    this.#guards.push(bytes.fill(PATTERN));
  }

  /** Whether nothing was written beside an array that still has its memory. */
  get isIntact() {
    return this.#guards.every((bytes) => bytes.length === 0 || bytes.every((byte) => byte === PATTERN));
  }

  floats(/** @type {number} */ length) {
    const floats = this.array(Float32Array, length);
    for (let i = 0; i < length; i++) floats[i] = this.whole(-100, 100) / 16;
    return floats;
  }

  /** Indices of `count`. */
  indices(/** @type {number} */ length, /** @type {number} */ count) {
    const indices = this.array(Int32Array, length);
    for (let i = 0; i < length; i++) indices[i] = this.whole(0, count - 1);
    return indices;
  }

  /** Indices of `count`, or −1 for none. */
  indicesOrNone(/** @type {number} */ length, /** @type {number} */ count) {
    const indices = this.indices(length, count + 1);
    for (let i = 0; i < length; i++) indices[i] = /** @type {number} */ (indices[i]) - 1;
    return indices;
  }

  /** A gating: its kind, and the limit and the slope that one of them has. */
  gating() {
    const numbers = this.array(Float32Array, 3);
    numbers.set([this.whole(0, 6), 1.5, 1.702]);
    return numbers;
  }

  doubles(/** @type {number[]} */ numbers) {
    const doubles = this.array(Float64Array, numbers.length);
    doubles.set(numbers);
    return doubles;
  }

  bytes(/** @type {number} */ length) {
    const bytes = this.array(Uint8Array, length);
    for (let i = 0; i < length; i++) bytes[i] = this.whole(0, 255);
    return bytes;
  }

  /** A new file of a few more than so many bytes. */
  path(/** @type {number} */ length) {
    const path = join(this.folder, `${files++}.bin`);
    writeFileSync(path, this.bytes(length + this.whole(8, 40)));
    return path;
  }

  /** The same, mapped; it needs no name any more. */
  file(/** @type {number} */ length) {
    const path = this.path(length);
    const file = this.addon.openFile(path);
    rmSync(path);
    return file;
  }

  /** A weight of random dtype, of numbers that lie in memory or in a file. */
  weight(/** @type {number} */ rows, /** @type {number} */ columns, parts = 1) {
    const dtype = this.whole(0, 2);
    const bytes = rows * columns * (dtype === 0 ? 4 : 2);
    if (this.flag()) {
      const files = Array.from({ length: parts }, () => this.file(bytes));
      return this.addon.mapWeight(dtype, rows, columns, files, this.doubles(files.map(() => this.whole(0, 2) * 4)));
    }
    const copies = Array.from({ length: parts }, () => this.bytes(bytes));
    return this.addon.copyWeight(dtype, rows, columns, copies);
  }

  /** A matrix as most functions take it: a weight, or its numbers. */
  matrix(/** @type {number} */ rows, /** @type {number} */ columns, parts = 1) {
    return this.flag() ? this.weight(rows, columns, parts) : this.floats(parts * rows * columns);
  }

  keyValueStore(
    /** @type {number} */ rows,
    /** @type {number} */ heads,
    /** @type {number} */ length,
    /** @type {number} */ width,
    dtype = this.whole(0, 2),
  ) {
    const store = this.addon.createKeyValueStore(dtype);
    const size = rows * heads * length * width;
    this.addon.appendKeyValues(store, this.floats(size), this.floats(size), rows, heads, length, width, width);
    return store;
  }

  /** @param {[names: string[], lists: unknown[][]]} calls */
  graph([names, lists]) {
    const graph = this.addon.createGraph(names, lists);
    this.#arrays.set(graph, lists.flat());
    return graph;
  }

  /** The arguments that a graph was made with; none for anything else. */
  argumentsOf(/** @type {unknown} */ graph) {
    return typeof graph === "object" && graph !== null ? (this.#arrays.get(graph) ?? []) : [];
  }
}
