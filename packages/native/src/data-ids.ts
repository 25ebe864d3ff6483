/**
 * Data ids that carry the data of their tensor. tfjs looks it up in WeakMaps by data id. A decode step creates a thousand tensors
 * while weights run through all caches: each look-up in a large hash table is a cache miss or two, and the collector walks all
 * entries. Ids of other backends stay in tfjs's maps.
 */

import { DataStorage, engine, type KernelBackend } from "@tensorflow/tfjs-core";
import type { TensorData } from "./tensor-data.js";

type Info = typeof engine extends () => { state: { tensorInfo: WeakMap<object, infer I> } } ? I : never;

/** Data id of this backend. */
export class NativeDataId {
  data: TensorData | undefined;
  info: Info | undefined;

  constructor(data: TensorData) {
    this.data = data;
    this.info = undefined;
  }
}

/** Tensor data by id, with the interface of tfjs's `DataStorage`. */
export class TensorDataById extends DataStorage<TensorData> {
  readonly #backend: KernelBackend;
  #count = 0;

  constructor(backend: KernelBackend) {
    super(backend, engine());
    this.#backend = backend;
  }

  override get(id: object): TensorData {
    if (!(id instanceof NativeDataId)) return super.get(id);
    if (!id.data) engine().moveData(this.#backend, id);
    return id.data!;
  }

  override set(id: object, data: TensorData): void {
    if (id instanceof NativeDataId) {
      id.data = data;
      this.#count++;
    } else super.set(id, data);
  }

  /** Creates an id with that data. */
  add(data: TensorData): NativeDataId {
    this.#count++;
    return new NativeDataId(data);
  }

  override has(id: object): boolean {
    return id instanceof NativeDataId ? id.data !== undefined : super.has(id);
  }

  override delete(id: object): boolean {
    if (!(id instanceof NativeDataId)) return super.delete(id);
    const had = id.data !== undefined;
    if (had) this.#count--;
    id.data = undefined;
    return had;
  }

  override numDataIds(): number {
    return this.#count + super.numDataIds();
  }
}

/** Tensor information of tfjs: backend, dtype, shape, bytes. */
class Infos extends WeakMap<object, Info> {
  readonly #others: WeakMap<object, Info>;

  constructor(others: WeakMap<object, Info>) {
    super();
    this.#others = others;
  }

  override get(id: object): Info | undefined {
    return id instanceof NativeDataId ? id.info : this.#others.get(id);
  }

  override has(id: object): boolean {
    return id instanceof NativeDataId ? id.info !== undefined : this.#others.has(id);
  }

  override set(id: object, info: Info): this {
    if (id instanceof NativeDataId) id.info = info;
    else this.#others.set(id, info);
    return this;
  }

  override delete(id: object): boolean {
    if (!(id instanceof NativeDataId)) return this.#others.delete(id);
    const had = id.info !== undefined;
    id.info = undefined;
    return had;
  }
}

/** Lets tfjs keep its information about this backend's tensors on their ids. No-op the second time. */
export function keepInfosOnIds(): void {
  const { state } = engine();
  if (!(state.tensorInfo instanceof Infos)) state.tensorInfo = new Infos(state.tensorInfo);
}
