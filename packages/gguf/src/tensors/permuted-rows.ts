import { type Planes, SafetensorsError, type TensorView } from "@mixtape/safetensors";

/**
 * Views the rows of a tensor in another order. A part of it reads that part alone; the rows have no location in the file, so
 * an engine that maps files copies them.
 * @param rows row of `view` for each row of the result
 */
export function permutedRows(view: TensorView, rows: Int32Array): TensorView {
  return new PermutedRows(view, rows, view.name);
}

class PermutedRows implements TensorView {
  readonly dtype: TensorView["dtype"];
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly #view: TensorView;
  readonly #rows: Int32Array;

  constructor(
    view: TensorView,
    rows: Int32Array,
    readonly name: string,
  ) {
    this.dtype = view.dtype;
    this.shape = Object.freeze([rows.length, ...view.shape.slice(1)]);
    this.byteLength = (view.byteLength / view.shape[0]!) * rows.length;
    this.#view = view;
    this.#rows = rows;
  }

  /** Every plane of a quantised view has a row for each of its rows. */
  get quantized(): TensorView["quantized"] {
    const { quantized } = this.#view;
    if (!quantized) return undefined;
    const planes = Object.entries(quantized.planes).map(([name, plane]) => [name, permutedRows(plane, this.#rows)]);
    return { format: quantized.format, planes: Object.fromEntries(planes) as Planes };
  }

  get savedAs(): TensorView["savedAs"] {
    return this.#view.savedAs;
  }

  async read(): Promise<Uint8Array> {
    if (this.#rows.length === 0) return new Uint8Array(0);
    const first = this.#rows.reduce((least, row) => Math.min(least, row));
    const last = this.#rows.reduce((most, row) => Math.max(most, row));
    const source = await this.#view.slice(first, last + 1).read();
    const rowBytes = source.length / (last + 1 - first);
    const bytes = new Uint8Array(rowBytes * this.#rows.length);
    for (const [i, row] of this.#rows.entries())
      bytes.set(source.subarray((row - first) * rowBytes, (row - first + 1) * rowBytes), i * rowBytes);
    return bytes;
  }

  slice(start: number, end: number): TensorView {
    const count = this.#rows.length;
    if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && end >= start && end <= count)
      return new PermutedRows(this.#view, this.#rows.subarray(start, end), `${this.name}[${start}:${end}]`);
    throw new SafetensorsError({
      where: `${this.name}.slice`,
      expected: `0 <= start <= end <= ${count}`,
      got: `[${start}, ${end})`,
    });
  }

  at(index: number): TensorView {
    const row = this.#rows[index];
    if (row !== undefined) return this.#view.at(row);
    throw new SafetensorsError({
      where: `${this.name}.at`,
      expected: `0 <= index < ${this.#rows.length}`,
      got: `${index}`,
    });
  }
}

/**
 * Returns the rows of a query or key projection of arch `llama` in Hugging Face's order. llama.cpp rotates neighbouring
 * features, so its converter interleaves the two halves of each head; this undoes it.
 * @returns for each row of Hugging Face, the row of the file
 */
export function uninterleavedHeads(rows: number, heads: number): Int32Array {
  const headDim = rows / heads;
  const half = headDim / 2;
  return Int32Array.from({ length: rows }, (_, row) => {
    const head = Math.floor(row / headDim);
    const feature = row % headDim;
    return head * headDim + (feature < half ? 2 * feature : 2 * (feature - half) + 1);
  });
}
