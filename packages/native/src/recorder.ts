import {
  type CapturedGraph,
  type CaptureResult,
  type GraphCapture,
  observeHostCallbacks,
  type TensorFunction,
} from "@mixtape/ops";
import { engine, type Tensor, type TensorInfo, tidy } from "@tensorflow/tfjs-core";
import { type Addon, addon, type NativeSequence, type Words, withAddon } from "./addon.js";
import { Arrays, type Numbers, type NumbersOf } from "./arrays.js";
import type { NativeBackend } from "./backend.js";
import { hasWords } from "./kernels/move.js";
import { meet, meetingObstacles } from "./obstacle.js";

/** Functions of the addon that do the same each time, to what they are given. */
const REPEATABLE = [
  "linear",
  "matMul",
  "gatedMlp",
  "experts",
  "projectHeads",
  "rmsNorm",
  "rotary",
  "gate",
  "embedding",
  "chooseExperts",
  "topKIndices",
  "takeAlong",
  "binary",
  "unary",
  "sumRows",
  "largestOfRows",
  "sumColumns",
  "softmax",
  "move",
  "gather",
  "segmentSum",
  "appendSlots",
  "attention",
  "gatedDeltaRule",
  "causalConvolution",
] as const satisfies readonly (keyof Addon)[];

/** Functions that change nothing that a step computes. */
const HARMLESS: readonly string[] = ["info", "bytesOfSlots", "splitWeight"] satisfies (keyof Addon)[];

/** The name of a call that is none of the addon's. */
const EFFECT = "effect";

type Work = (...args: unknown[]) => unknown;

/** What a step asked for: a function of the addon, or an effect. */
interface Call {
  readonly name: string;
  readonly work: Work;
  readonly args: readonly unknown[];
}

/** Records the calls of the addon that a step makes. */
export class NativeRecorder implements GraphCapture {
  readonly #backend: () => NativeBackend;

  constructor(backend: () => NativeBackend) {
    this.#backend = backend;
  }

  capture(step: TensorFunction, inputs: readonly Tensor[]): CaptureResult {
    if (!inputs.every(hasWords))
      return { output: tidy(() => step(inputs)), graph: "inputs that are neither float32 nor int32" };
    const backend = this.#backend();
    const arrays = new NumberedArrays();
    const calls: Call[] = [];
    let recorded: CapturedGraph | string = "";
    const output = tidy(() => {
      const made = backend.withArrays(arrays, () => {
        const own = inputs.map((input) => copyOf(backend, input));
        const inputArrays = own.map((input) => backend.words(input));
        const [result, obstacle] = meetingObstacles(() => {
          const made = listen(calls, () => tidy(() => step(own)));
          const outputArray = hasWords(made) ? backend.words(made) : undefined;
          const isOwn = outputArray && arrays.numberOf(outputArray) !== undefined;
          if (!isOwn || arrays.taken > new Set([...inputArrays, outputArray]).size)
            meet("a tensor that outlives it, or a result from elsewhere");
          return made;
        });
        if (obstacle !== null) recorded = obstacle;
        else {
          const outputArray = backend.words(result);
          recorded = new NativeStep(backend, { arrays, calls, inputArrays, outputArray, output: result });
        }
        return result;
      });
      // The recording writes its own array again.
      return typeof recorded === "string" ? made.clone() : copyOf(backend, made);
    });
    return { output, graph: recorded };
  }
}

/** What a {@link NativeStep} consists of. */
interface Recording {
  /** All arrays that kernels wrote to. */
  readonly arrays: NumberedArrays;
  readonly calls: readonly Call[];
  readonly inputArrays: readonly Words[];
  readonly outputArray: Words;
  readonly output: Pick<TensorInfo, "shape" | "dtype">;
}

/** Calls, with the arrays that they read and write. */
class NativeStep implements CapturedGraph {
  readonly #backend: NativeBackend;
  readonly #recording: Recording;
  /** The calls, once they are to be repeated. */
  #sequence: NativeSequence | undefined;
  /** How many of them the last repetition made. */
  readonly #made = new Int32Array(1);

  constructor(backend: NativeBackend, recording: Recording) {
    this.#backend = backend;
    const { shape, dtype } = recording.output;
    this.#recording = { ...recording, output: { shape, dtype } };
  }

  equals(other: CapturedGraph): boolean {
    if (!(other instanceof NativeStep)) return false;
    const [a, b] = [this.#recording, other.#recording];
    const isSame = (x: unknown, y: unknown): boolean => areSame(x, a.arrays, y, b.arrays);
    return (
      a.calls.length === b.calls.length &&
      a.calls.every((call, i) => isSameCall(call, b.calls[i]!, isSame)) &&
      a.inputArrays.every((input, i) => isSame(input, b.inputArrays[i])) &&
      isSame(a.outputArray, b.outputArray)
    );
  }

  replay(inputs: readonly Tensor[]): Tensor {
    const backend = this.#backend;
    const { inputArrays, outputArray, output } = this.#recording;
    for (const [i, input] of inputs.entries()) inputArrays[i]!.set(backend.words(input));
    this.#repeatCalls();
    const made = backend.output(output.shape, output.dtype as "float32" | "int32");
    backend.words(made).set(outputArray);
    return engine().makeTensorFromTensorInfo(made, backend);
  }

  #repeatCalls(): void {
    const { calls } = this.#recording;
    this.#made[0] = 0;
    this.#sequence ??= sequenceOf(calls);
    try {
      addon().repeatSequence(this.#sequence, this.#made);
    } finally {
      // What effects change is JavaScript's alone: calls do not see it. Where a call failed, those before it have happened.
      let left = this.#made[0]!;
      for (const { name, work } of calls) {
        if (name === EFFECT) work();
        else if (left-- === 0) break;
      }
    }
  }
}

/** Arrays with numbers in the order in which they were first taken, by which those of two recordings are told to be the same. */
class NumberedArrays extends Arrays {
  readonly #numbers = new Map<ArrayBufferLike, number>();
  /** How many are in use. */
  taken = 0;

  override take<D extends keyof NumbersOf>(dtype: D, length: number): NumbersOf[D] {
    const array = super.take(dtype, length);
    this.taken++;
    if (!this.#numbers.has(array.buffer)) this.#numbers.set(array.buffer, this.#numbers.size);
    return array;
  }

  override give(dtype: keyof NumbersOf, array: Numbers): void {
    this.taken--;
    super.give(dtype, array);
  }

  /** Undefined for an array from elsewhere. */
  numberOf({ buffer }: ArrayBufferView): number | undefined {
    return this.#numbers.get(buffer);
  }
}

function sequenceOf(calls: readonly Call[]): NativeSequence {
  const ofAddon = calls.filter(({ name }) => name !== EFFECT);
  return addon().makeSequence(
    ofAddon.map(({ name }) => name),
    ofAddon.map(({ args }) => args),
  );
}

/** Runs `f`; what it calls of the addon, and its effects, come to `calls`. */
function listen<T>(calls: Call[], f: () => T): T {
  const raw = addon() as unknown as Readonly<Record<string, Work>>;
  const listening: Record<string, Work> = {};
  for (const [name, work] of Object.entries(raw))
    listening[name] = (...args) => {
      if ((REPEATABLE as readonly string[]).includes(name)) calls.push({ name, work, args });
      else if (!HARMLESS.includes(name)) meet(name);
      return work(...args);
    };
  const noteEffect = (change: () => void): unknown => calls.push({ name: EFFECT, work: change, args: [] });
  return withAddon(listening as unknown as Addon, () => observeHostCallbacks(noteEffect, f));
}

function isSameCall(a: Call, b: Call, isSame: (x: unknown, y: unknown) => boolean): boolean {
  return a.name === b.name && a.args.length === b.args.length && a.args.every((arg, i) => isSame(arg, b.args[i]));
}

/** Whether an argument of one recording is what one of another is: the array of that number, that handle, that constant. */
function areSame(x: unknown, xArrays: NumberedArrays, y: unknown, yArrays: NumberedArrays): boolean {
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
  backend.words(copy).set(backend.words(tensor));
  return engine().makeTensorFromTensorInfo(copy, backend);
}
