import {
  type CapturedGraph,
  type CaptureResult,
  type GraphCapture,
  observeHostCallbacks,
  type TensorFunction,
} from "@mixtape/ops";
import { engine, type Tensor, type TensorInfo, tidy } from "@tensorflow/tfjs-core";
import type { Buffer32, NativeCapturedGraph } from "./addon/handles.js";
import { type Addon, addon, withAddon } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import { BufferPool, type Values, type ValuesOf } from "./buffer-pool.js";
import { type AddonCall, type AnyFunction, CAPTURABLE, graphOf, wrapAddon } from "./capturable.js";
import { breakGraph, catchGraphBreak } from "./graph-break.js";
import { has32BitValues } from "./kernels/strided-copy.js";

/** Functions that do not affect the result. */
const HARMLESS: readonly string[] = ["info", "keyValueStoreBytes", "splitWeight"] satisfies (keyof Addon)[];

/** Name of a host callback among the calls. */
const HOST_CALLBACK = "effect";

/** Call of a captured function: of the addon, or a host callback. */
interface Call extends AddonCall {
  readonly function: AnyFunction;
}

/** Captures the calls of the addon that a function makes. */
export class NativeGraphCapture implements GraphCapture {
  readonly #backend: () => NativeBackend;

  constructor(backend: () => NativeBackend) {
    this.#backend = backend;
  }

  capture(step: TensorFunction, inputs: readonly Tensor[]): CaptureResult {
    if (!inputs.every(has32BitValues))
      return { output: tidy(() => step(inputs)), graph: "inputs that are neither float32 nor int32" };
    const backend = this.#backend();
    const pool = new NumberedPool();
    const calls: Call[] = [];
    let graph: CapturedGraph | string = "";
    const output = tidy(() => {
      const made = backend.withPool(pool, () => {
        const own = inputs.map((input) => copyOf(backend, input));
        const inputArrays = own.map((input) => backend.buffer32(input));
        const [result, graphBreak] = catchGraphBreak(() => {
          const made = listen(calls, () => tidy(() => step(own)));
          const outputArray = has32BitValues(made) ? backend.buffer32(made) : undefined;
          const isOwn = outputArray && pool.numberOf(outputArray) !== undefined;
          if (!isOwn || pool.taken > new Set([...inputArrays, outputArray]).size)
            breakGraph("a tensor that outlives it, or a result from elsewhere");
          return made;
        });
        if (graphBreak !== null) graph = graphBreak;
        else {
          const outputArray = backend.buffer32(result);
          graph = new NativeGraph(backend, { pool, calls, inputArrays, outputArray, output: result });
        }
        return result;
      });
      // Each replay writes the graph's own array.
      return typeof graph === "string" ? made.clone() : copyOf(backend, made);
    });
    return { output, graph: graph };
  }
}

/** Parts of a {@link NativeGraph}. */
interface GraphParts {
  /** All arrays that kernels wrote to. */
  readonly pool: NumberedPool;
  readonly calls: readonly Call[];
  readonly inputArrays: readonly Buffer32[];
  readonly outputArray: Buffer32;
  readonly output: Pick<TensorInfo, "shape" | "dtype">;
}

/** Graph of calls, with the arrays that they read and write. */
class NativeGraph implements CapturedGraph {
  readonly #backend: NativeBackend;
  readonly #parts: GraphParts;
  /** The calls as a graph of the addon, created at the first replay. */
  #native: NativeCapturedGraph | undefined;
  /** Number of calls that the last replay made. */
  readonly #made = new Int32Array(1);

  constructor(backend: NativeBackend, parts: GraphParts) {
    this.#backend = backend;
    const { shape, dtype } = parts.output;
    this.#parts = { ...parts, output: { shape, dtype } };
  }

  equals(other: CapturedGraph): boolean {
    if (!(other instanceof NativeGraph)) return false;
    const [a, b] = [this.#parts, other.#parts];
    const isSame = (x: unknown, y: unknown): boolean => areSame(x, a.pool, y, b.pool);
    return (
      a.calls.length === b.calls.length &&
      a.calls.every((call, i) => isSameCall(call, b.calls[i]!, isSame)) &&
      a.inputArrays.every((input, i) => isSame(input, b.inputArrays[i])) &&
      isSame(a.outputArray, b.outputArray)
    );
  }

  replay(inputs: readonly Tensor[]): Tensor {
    const backend = this.#backend;
    const { inputArrays, outputArray, output } = this.#parts;
    for (const [i, input] of inputs.entries()) inputArrays[i]!.set(backend.buffer32(input));
    this.#replayCalls();
    const made = backend.output(output.shape, output.dtype as "float32" | "int32");
    backend.buffer32(made).set(outputArray);
    return engine().makeTensorFromTensorInfo(made, backend);
  }

  #replayCalls(): void {
    const { calls } = this.#parts;
    this.#made[0] = 0;
    this.#native ??= graphOf(
      addon(),
      calls.filter(({ name }) => name !== HOST_CALLBACK),
    );
    try {
      addon().replayGraph(this.#native, this.#made);
    } finally {
      // Host callbacks change state that only JavaScript sees. If a call failed, those before it have happened.
      let left = this.#made[0]!;
      for (const call of calls) {
        if (call.name === HOST_CALLBACK) call.function();
        else if (left-- === 0) break;
      }
    }
  }
}

/** Pool that numbers its arrays in the order of first use: equal arrays of two graphs have the same number. */
class NumberedPool extends BufferPool {
  readonly #numbers = new Map<ArrayBufferLike, number>();
  /** Number of arrays in use. */
  taken = 0;

  override acquire<D extends keyof ValuesOf>(dtype: D, length: number): ValuesOf[D] {
    const array = super.acquire(dtype, length);
    this.taken++;
    if (!this.#numbers.has(array.buffer)) this.#numbers.set(array.buffer, this.#numbers.size);
    return array;
  }

  override release(dtype: keyof ValuesOf, array: Values): void {
    this.taken--;
    super.release(dtype, array);
  }

  /** Returns the number of an array; undefined for an array from elsewhere. */
  numberOf({ buffer }: ArrayBufferView): number | undefined {
    return this.#numbers.get(buffer);
  }
}

/** Runs `f` and adds its calls of the addon, and its host callbacks, to `calls`. */
function listen<T>(calls: Call[], f: () => T): T {
  const listening = wrapAddon(addon(), (name, call) => (...args) => {
    if (CAPTURABLE.has(name)) calls.push({ name, function: call, args });
    else if (!HARMLESS.includes(name)) breakGraph(name);
    return call(...args);
  });
  const onCallback = (change: () => void): unknown => calls.push({ name: HOST_CALLBACK, function: change, args: [] });
  return withAddon(listening, () => observeHostCallbacks(onCallback, f));
}

function isSameCall(a: Call, b: Call, isSame: (x: unknown, y: unknown) => boolean): boolean {
  return a.name === b.name && a.args.length === b.args.length && a.args.every((arg, i) => isSame(arg, b.args[i]));
}

/** Returns whether arguments of two graphs are equal: arrays of the same number, the same handle, or equal constants. */
function areSame(x: unknown, xArrays: NumberedPool, y: unknown, yArrays: NumberedPool): boolean {
  if (Object.is(x, y)) return true;
  if (!isNumbers(x) || !isNumbers(y) || x.constructor !== y.constructor || x.length !== y.length) return false;
  const number = xArrays.numberOf(x);
  if (number !== yArrays.numberOf(y)) return false;
  return number === undefined ? x.every((value, i) => Object.is(value, y[i])) : x.byteOffset === y.byteOffset;
}

function isNumbers(arg: unknown): arg is Float32Array {
  return ArrayBuffer.isView(arg) && !(arg instanceof DataView);
}

function copyOf(backend: NativeBackend, tensor: Tensor): Tensor {
  const copy = backend.output(tensor.shape, tensor.dtype as "float32" | "int32");
  backend.buffer32(copy).set(backend.buffer32(tensor));
  return engine().makeTensorFromTensorInfo(copy, backend);
}
