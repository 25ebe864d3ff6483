import {
  type ByteSource,
  encodeSafetensors,
  openSafetensors,
  type TensorSource,
  type TensorToWrite,
} from "@mixtape/safetensors";
import type { TinyForCausalLM } from "./tiny.js";

/** The tensors of a model on disk, with changes. */
export async function sourceOf(
  model: TinyForCausalLM,
  change: (tensors: TensorToWrite[]) => TensorToWrite[] = (all) => all,
): Promise<TensorSource> {
  return openSafetensors(await encodeSafetensors(change([...model.tensorsToWrite()])));
}

/** Zeros under a name. */
export function zerosToWrite(name: string, shape: readonly number[]): TensorToWrite {
  return { name, dtype: "F32", shape, bytes: new Uint8Array(4 * shape.reduce((n, m) => n * m, 1)) };
}

/** A byte source that writes down what is read of it. */
export class WatchedBytes implements ByteSource {
  readonly reads: { readonly offset: number; readonly length: number; readonly others: number }[] = [];
  #open = 0;

  constructor(
    readonly bytes: Uint8Array,
    readonly onRead: (length: number) => void = () => undefined,
  ) {}

  get size(): number {
    return this.bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.onRead(length);
    this.reads.push({ offset, length, others: this.#open++ });
    await new Promise((resolve) => setImmediate(resolve));
    this.#open--;
    return this.bytes.slice(offset, offset + length);
  }
}
