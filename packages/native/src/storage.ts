import {
  type ExpertMemory,
  type KeyValueStore,
  type KeyValueStoreOptions,
  OpsError,
  readFloats,
  type Storage,
  WEIGHT_RANKS,
  type Weight,
  type WeightRole,
  type WeightView,
} from "@mixtape/ops";
import { bytesPerElement, type Dtype, fromFloat32, type TensorView, toFloat32 } from "@mixtape/safetensors";
import { engine, type Tensor, tensor } from "@tensorflow/tfjs-core";
import {
  DTYPES,
  type KeyValueDtype,
  type NativeDtype,
  type NativeFile,
  type NativeWeight,
  PRECISIONS,
} from "./addon/handles.js";
import { addon } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import { Files } from "./files.js";
import { NativeKeyValueStore } from "./key-value-store.js";
import { quantizedFormat } from "./quantized-formats.js";
import type { ForeignStorage } from "./tensor-data.js";

/** Foreign storage of a weight in the format of its file. */
export class CompactWeight implements ForeignStorage {
  readonly native: NativeWeight;
  /** `[rows, columns]` of each part. */
  readonly matrix: readonly [number, number];
  readonly #size: number;
  /** The same memory as matrices with fewer rows, by their number of rows. */
  readonly #split = new Map<number, NativeWeight>();

  constructor(native: NativeWeight, size: number, matrix: readonly [number, number]) {
    this.native = native;
    this.matrix = matrix;
    this.#size = size;
  }

  decode(): Float32Array {
    const values = new Float32Array(this.#size);
    addon().decodeWeight(values, this.native);
    return values;
  }

  /** Returns the same memory as matrices of that shape, such as those of heads; undefined if the rows do not divide. */
  asMatrices([rows, columns]: readonly [number, number]): NativeWeight | undefined {
    if (columns !== this.matrix[1] || rows === 0 || this.matrix[0] % rows !== 0) return undefined;
    if (rows === this.matrix[0]) return this.native;
    const known = this.#split.get(rows);
    if (known) return known;
    const split = addon().splitWeight(this.native, this.matrix[0] / rows);
    this.#split.set(rows, split);
    return split;
  }

  release(): void {
    for (const native of [this.native, ...this.#split.values()]) addon().release(native);
    this.#split.clear();
  }
}

/** Storage of weights in the format of their file, in place: in the mapped file, or in a copy of its bytes. */
export class NativeStorage implements Storage {
  readonly #backend: () => NativeBackend;
  readonly #mmap: boolean;
  readonly #files = new Files();

  /** @param mmap true to map files, false to read them */
  constructor(backend: () => NativeBackend, { mmap }: { mmap: boolean }) {
    this.#backend = backend;
    this.#mmap = mmap;
  }

  get description(): string {
    return `as in the file (bfloat16, float16, float32, quantised), ${this.#mmap ? "mapped" : "read into memory"}`;
  }

  get mapped(): boolean {
    return this.#mmap;
  }

  async place(view: WeightView, role: WeightRole): Promise<Weight> {
    const { shape } = view;
    if (shape.length !== WEIGHT_RANKS[role])
      throw new OpsError({ where: `a ${role}`, expected: `${WEIGHT_RANKS[role]} axes`, got: `[${shape}]` });
    return { role, shape, layout: "plain", parts: [await this.#tensor(view, role)] };
  }

  bytes(shape: readonly number[], role: WeightRole, dtype: Dtype, view?: WeightView): number {
    const size = shape.reduce((product, n) => product * n, 1);
    const [rows = 1, columns = 1] = shape.slice(-2);
    const parts = view ? matricesOf(view, role) : [];
    if (!parts.some(({ quantized }) => quantized)) {
      const own = view?.dtype ?? dtype;
      return size * bytesPerElement(isNative(own) ? own : "F32");
    }
    const { alignment, payloads, scales } = storedParts(parts, rows, columns);
    if (alignment === undefined) return size * bytesPerElement("F32");
    return [...payloads, ...(scales?.planes ?? [])].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  mappedBytes(view: WeightView, role: WeightRole): number {
    if (!this.#mmap || role === "vector" || role === "vectors") return 0;
    const [rows = 1, columns = 1] = view.shape.slice(-2);
    const { alignment, payloads, scales } = storedParts(matricesOf(view, role), rows, columns);
    const planes = scales?.planes ?? [];
    if (alignment === undefined || rows * columns === 0 || !areIn(payloads, alignment) || !areIn(planes, 1)) return 0;
    return [...payloads, ...planes].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  limitExperts(bytes: number): void {
    addon().limitExperts(bytes);
  }

  expertMemory(): ExpertMemory {
    return addon().expertMemory();
  }

  /**
   * Keeps keys and values in int8 if asked to, in bfloat16 if the checkpoint is and activations may be rounded, as torch does, and else
   * in float32.
   */
  keyValueStore({ dtype, kvCacheDtype, ...options }: KeyValueStoreOptions): KeyValueStore {
    const backend = this.#backend();
    const isHalf = dtype === "BF16" && backend.precision === PRECISIONS.bfloat16;
    const own: KeyValueDtype = kvCacheDtype === "int8" ? "I8" : isHalf ? "BF16" : "F32";
    return new NativeKeyValueStore(backend, { ...options, dtype: own });
  }

  assign(target: Tensor, value: Tensor): void {
    const backend = this.#backend();
    const [to, from] = [backend.floats(target), backend.floats(value)];
    addon().stridedCopy(to, 0, from, 0, Float64Array.of(to.length, 1, 1));
  }

  async #tensor(view: WeightView, role: WeightRole): Promise<Tensor> {
    // A few hundred numbers, for kernels without formats.
    if (role === "vector" || role === "vectors") return tensor(await readFloats(view), [...view.shape]);
    const [rows = 1, columns = 1] = view.shape.slice(-2);
    const parts = matricesOf(view, role);
    const stored = storedParts(parts, rows, columns);
    const native = this.#mapped(stored, rows, columns, role === "stack") ?? (await copied(stored, rows, columns));
    const size = parts.length * rows * columns;
    const info = this.#backend().hold(new CompactWeight(native, size, [rows, columns]), view.shape);
    return engine().makeTensorFromTensorInfo(info);
  }

  /** Maps the weight in its files, if it comes from files, in a format that is multiplied as it is, and aligned. */
  #mapped(
    { dtype, alignment, payloads, scales }: StoredParts,
    rows: number,
    columns: number,
    isExperts: boolean,
  ): NativeWeight | undefined {
    if (!this.#mmap || alignment === undefined || rows * columns === 0) return undefined;
    const placed = this.#places(payloads, alignment);
    const placedScales = scales && this.#places(scales.planes, 1);
    if (!placed || (scales && !placedScales)) return undefined;
    return addon().mapWeight(
      dtype,
      rows,
      columns,
      placed.files,
      placed.offsets,
      scales?.dtype ?? null,
      scales?.group ?? null,
      placedScales?.files ?? null,
      placedScales?.offsets ?? null,
      isExperts,
    );
  }

  /** Files and offsets of tensors; undefined if one is not in a file, or not aligned. */
  #places(views: readonly TensorView[], alignment: number): { files: NativeFile[]; offsets: Float64Array } | undefined {
    if (!areIn(views, alignment)) return undefined;
    const files: NativeFile[] = [];
    const offsets = new Float64Array(views.length);
    const opened = new Map<string, NativeFile>();
    for (const { location } of views) {
      const file = opened.get(location.path) ?? this.#files.open(location.path);
      opened.set(location.path, file);
      offsets[files.length] = location.offset;
      files.push(file);
    }
    return { files, offsets };
  }
}

/** Returns whether tensors are in files, aligned. */
function areIn(views: readonly TensorView[], alignment: number): views is readonly (TensorView & Located)[] {
  return views.every(({ location }) => location && location.offset % alignment === 0);
}

type Located = { readonly location: NonNullable<TensorView["location"]> };

/** Matrices of a weight in the addon's terms. */
interface StoredParts {
  /** Number of the format in the addon. */
  readonly dtype: number;
  /** Alignment in a file, in bytes; undefined if the format is decoded. */
  readonly alignment: number | undefined;
  readonly payloads: readonly TensorView[];
  /** Scales of each part, in a plane of their own. */
  readonly scales?: { readonly dtype: number; readonly group: number; readonly planes: readonly TensorView[] };
}

/** Returns how matrices are stored: as they are stored, or decoded to float32 if the addon does not multiply their format. */
function storedParts(parts: readonly TensorView[], rows: number, columns: number): StoredParts {
  const [first] = parts;
  const dtype = first?.dtype ?? "F32";
  const quantized = first && quantizedParts(parts, rows, columns);
  if (quantized) return quantized;
  const isKept = isNative(dtype) && parts.every((part) => !part.quantized);
  return {
    dtype: DTYPES[isKept ? dtype : "F32"],
    alignment: isKept ? bytesPerElement(dtype) : undefined,
    payloads: parts,
  };
}

/** Returns the planes of quantised matrices of one format that the addon multiplies. */
function quantizedParts(parts: readonly TensorView[], rows: number, columns: number): StoredParts | undefined {
  const formats = parts.map(
    ({ quantized }) => quantized && quantizedFormat(quantized.format, columns, quantized.planes),
  );
  const [format] = formats;
  if (!format || rows * columns === 0) return undefined;
  const isOne = formats.every((one) => one?.dtype === format.dtype && one.scales?.group === format.scales?.group);
  if (!isOne) return undefined;
  const planes = (name: string): TensorView[] => parts.map(({ quantized }) => quantized!.planes[name]!);
  const payloads = planes("weight");
  if (!format.scales) return { dtype: format.dtype, alignment: 1, payloads };
  const scales = planes(format.scales.plane);
  const { dtype } = scales[0]!;
  if (!isNative(dtype) || scales.some((plane) => plane.dtype !== dtype)) return undefined;
  return {
    dtype: format.dtype,
    alignment: 1,
    payloads,
    scales: { dtype: DTYPES[dtype], group: format.scales.group, planes: scales },
  };
}

function isNative(dtype: Dtype): dtype is NativeDtype {
  return dtype in DTYPES;
}

/** Returns the matrices of a weight. */
function matricesOf(view: WeightView, role: WeightRole): readonly TensorView[] {
  if ("views" in view) return view.views;
  return role === "stack" ? Array.from({ length: view.shape[0]! }, (_, i) => view.at(i)) : [view];
}

/** Copies the weight to memory of its own; formats that are not multiplied as they are become float32. */
async function copied(
  { dtype, alignment, payloads, scales }: StoredParts,
  rows: number,
  columns: number,
): Promise<NativeWeight> {
  const bytes: Uint8Array[] = [];
  for (const part of payloads) {
    const read = await part.read();
    bytes.push(alignment === undefined ? fromFloat32(toFloat32(read, part.dtype), "F32") : read);
  }
  const scaleBytes: Uint8Array[] = [];
  for (const plane of scales?.planes ?? []) scaleBytes.push(await plane.read());
  return addon().copyWeight(
    dtype,
    rows,
    columns,
    bytes,
    scales?.dtype ?? null,
    scales?.group ?? null,
    scales ? scaleBytes : null,
  );
}
