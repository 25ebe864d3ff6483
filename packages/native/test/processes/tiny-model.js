/** A decoder of two layers with routed experts, straight from the ops: what a decode step asks of the engine, and no more. */

import { writeFileSync } from "node:fs";
import {
  AttentionMask,
  attention,
  chooseExperts,
  createKeyValueStore,
  embedding,
  experts,
  GraphedFunction,
  linear,
  rmsNorm,
  rotary,
  silu,
  storageOf,
} from "@mixtape/ops";
import { encodeSafetensors, fromFloat32, openSafetensors } from "@mixtape/safetensors";
import { add, argMax, reshape, setBackend, tensor1d, tensor3d, tidy } from "@tensorflow/tfjs-core";
// Built, not from `src`: this runs in plain Node.
import { registerNative } from "../../dist/index.js";

const [VOCABULARY, WIDTH, HEADS, GROUPS, HEAD, INNER, EXPERTS, CHOICES] = [200, 96, 6, 2, 16, 80, 6, 2];
const LAYERS = [0, 1];
/** Slots that a token sees. */
const WINDOW = 300;

/** @type {Readonly<Record<string, readonly [role: import("@mixtape/ops").WeightRole, shape: readonly number[]]>>} */
const WEIGHTS = {
  embed: ["table", [VOCABULARY, WIDTH]],
  head: ["matrix", [VOCABULARY, WIDTH]],
  norm: ["vector", [WIDTH]],
  ...Object.fromEntries(
    LAYERS.flatMap((layer) => [
      [`${layer}.norm`, ["vector", [WIDTH]]],
      [`${layer}.q`, ["matrix", [HEADS * HEAD, WIDTH]]],
      [`${layer}.k`, ["matrix", [GROUPS * HEAD, WIDTH]]],
      [`${layer}.v`, ["matrix", [GROUPS * HEAD, WIDTH]]],
      [`${layer}.o`, ["matrix", [WIDTH, HEADS * HEAD]]],
      [`${layer}.router`, ["matrix", [EXPERTS, WIDTH]]],
      [`${layer}.gate`, ["stack", [EXPERTS, INNER, WIDTH]]],
      [`${layer}.up`, ["stack", [EXPERTS, INNER, WIDTH]]],
      [`${layer}.down`, ["stack", [EXPERTS, WIDTH, INNER]]],
    ]),
  ),
};

/** Writes the model as bfloat16, its numbers from a seed. */
export async function writeTinyModel(/** @type {string} */ path, /** @type {number} */ seed) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const tensors = Object.entries(WEIGHTS).map(([name, [role, shape]]) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => (role === "vector" ? 1 : next()));
    return { name, dtype: /** @type {const} */ ("BF16"), shape: [...shape], bytes: fromFloat32(values, "BF16") };
  });
  writeFileSync(path, await encodeSafetensors(tensors));
}

/** Makes native the engine of this thread. */
export async function useNative(threads = 2, mmap = true) {
  const info = registerNative({ threads, mmap });
  await setBackend("native");
  return info;
}

/**
 * @typedef {import("@tensorflow/tfjs-core").Tensor1D} Tensor1D
 * @typedef {import("@tensorflow/tfjs-core").Tensor2D} Tensor2D
 * @typedef {import("@tensorflow/tfjs-core").Tensor3D} Tensor3D
 * @typedef {import("@tensorflow/tfjs-core").Tensor4D} Tensor4D
 */

export class TinyModel {
  /** @type {Record<string, import("@mixtape/ops").Weight>} */
  #weights = {};
  #caches = LAYERS.map(() => createKeyValueStore({ dtype: "BF16" }));
  #position = 0;
  /** From the embedding of a token on, as decoders do it: recorded, and then repeated. */
  #logits = new GraphedFunction((inputs) => {
    let [x, cos, sin] = /** @type {[Tensor2D, Tensor3D, Tensor3D]} */ (inputs);
    for (const layer of LAYERS) x = this.#layer(x, layer, { cos, sin });
    return linear(rmsNorm(x, this.#vector("norm"), 1e-5), this.#weight("head"));
  });

  static async load(/** @type {string} */ path) {
    const source = await openSafetensors(path);
    const model = new TinyModel();
    for (const [name, [role]] of Object.entries(WEIGHTS))
      model.#weights[name] = await storageOf().place(source.tensor(name), role);
    await source.close();
    return model;
  }

  /** Reads a token, and says which is likeliest to come next. */
  step(/** @type {number} */ id) {
    const next = tidy(() => {
      for (const cache of this.#caches) if (cache.length >= WINDOW) cache.evict(cache.length - WINDOW + 1);
      const { cos, sin } = this.#tables();
      const logits = this.#logits.run([embedding(tensor1d([id], "int32"), this.#weight("embed")), cos, sin]);
      return /** @type {number} */ (argMax(logits, 1).dataSync()[0]);
    });
    this.#position++;
    return next;
  }

  /** Reads and writes so many tokens. */
  write(/** @type {number} */ count, first = 1) {
    const ids = [first];
    for (let i = 0; i < count; i++) ids.push(this.step(/** @type {number} */ (ids.at(-1))));
    return ids;
  }

  dispose() {
    for (const { parts } of Object.values(this.#weights)) for (const part of parts) part.dispose();
    for (const cache of this.#caches) cache.dispose();
  }

  /**
   * @param {Tensor2D} x
   * @param {number} layer
   * @param {import("@mixtape/ops").RotaryTables} tables
   */
  #layer(x, layer, tables) {
    const weight = (/** @type {string} */ name) => this.#weight(`${layer}.${name}`);
    const normed = rmsNorm(x, this.#vector(`${layer}.norm`), 1e-5);
    const heads = (/** @type {string} */ name, /** @type {number} */ count) =>
      /** @type {Tensor4D} */ (reshape(linear(normed, weight(name)), [1, count, 1, HEAD]));
    const cache = this.#caches[layer];
    if (!cache) throw new Error(`no cache for layer ${layer}`);
    cache.append({ keys: rotary(heads("k", GROUPS), tables), values: heads("v", GROUPS) });
    const { keys, values } = cache.view();
    const mask = new AttentionMask({ queries: 1, keys: cache.length });
    const seen = attention(rotary(heads("q", HEADS), tables), keys, values, mask, HEAD ** -0.5);
    mask.dispose();
    const attended = /** @type {Tensor2D} */ (add(x, linear(reshape(seen, [1, HEADS * HEAD]), weight("o"))));
    const choice = { k: CHOICES, score: /** @type {const} */ ("softmax"), normalize: true, scale: 1 };
    const chosen = chooseExperts(linear(attended, weight("router")), choice);
    const stacks = { gate: weight("gate"), up: weight("up"), down: weight("down") };
    return /** @type {Tensor2D} */ (add(attended, experts({ x: attended, ...chosen }, stacks, silu)));
  }

  #tables() {
    const angles = Array.from({ length: HEAD }, (_, i) => this.#position * 10000 ** (-(i % (HEAD / 2)) / (HEAD / 2)));
    return { cos: tensor3d([[angles.map(Math.cos)]]), sin: tensor3d([[angles.map(Math.sin)]]) };
  }

  #weight(/** @type {string} */ name) {
    const weight = this.#weights[name];
    if (!weight) throw new Error(`no weight ${name}`);
    return weight;
  }

  #vector(/** @type {string} */ name) {
    return /** @type {Tensor1D} */ (this.#weight(name).parts[0]);
  }
}
