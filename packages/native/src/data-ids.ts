/**
 * tfjs finds what lies behind a tensor, and what it knows of it, in WeakMaps by data id. A decode step makes a thousand tensors,
 * while weights run through all caches: each look-up in a large hash table is a miss or two, and the collector walks all
 * entries. Ids made here carry both themselves. Ids of other backends stay in tfjs's maps.
 */

import { DataStorage, engine, type KernelBackend } from "@tensorflow/tfjs-core";
import type { Bucket } from "./bucket.js";

type Info = typeof engine extends () => { state: { tensorInfo: WeakMap<object, infer I> } } ? I : never;

/** An id that this backend made. */
export class NativeDataId {
  bucket: Bucket | undefined;
  info: Info | undefined;

  constructor(bucket: Bucket) {
    this.bucket = bucket;
    this.info = undefined;
  }
}

/** Where a backend of tfjs keeps its buckets. */
export class Buckets extends DataStorage<Bucket> {
  readonly #backend: KernelBackend;
  #count = 0;

  constructor(backend: KernelBackend) {
    super(backend, engine());
    this.#backend = backend;
  }

  override get(id: object): Bucket {
    if (!(id instanceof NativeDataId)) return super.get(id);
    if (!id.bucket) engine().moveData(this.#backend, id);
    return id.bucket!;
  }

  override set(id: object, bucket: Bucket): void {
    if (id instanceof NativeDataId) {
      id.bucket = bucket;
      this.#count++;
    } else super.set(id, bucket);
  }

  /** A new id with that bucket. */
  add(bucket: Bucket): NativeDataId {
    this.#count++;
    return new NativeDataId(bucket);
  }

  override has(id: object): boolean {
    return id instanceof NativeDataId ? id.bucket !== undefined : super.has(id);
  }

  override delete(id: object): boolean {
    if (!(id instanceof NativeDataId)) return super.delete(id);
    const had = id.bucket !== undefined;
    if (had) this.#count--;
    id.bucket = undefined;
    return had;
  }

  override numDataIds(): number {
    return this.#count + super.numDataIds();
  }
}

/** What tfjs knows of tensors: backend, dtype, shape, bytes. */
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

/** Lets tfjs keep what it knows of this backend's tensors on their ids. Does nothing the second time. */
export function keepInfosOnIds(): void {
  const { state } = engine();
  if (!(state.tensorInfo instanceof Infos)) state.tensorInfo = new Infos(state.tensorInfo);
}
