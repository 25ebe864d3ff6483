import { type Dtype, fromFloat32, type TensorView, toFloat32Transposed } from "@mixtape/safetensors";

/** A stack of matrices `[n, columns, rows]`, each of which is stored as its transpose. */
export class TransposedView implements TensorView {
  readonly name: string;
  readonly dtype: Dtype;
  readonly savedAs: Dtype;
  readonly shape: readonly number[];
  readonly byteLength: number;

  /** @param transposed `[n, rows, columns]` or `[rows, columns]` */
  constructor(readonly transposed: TensorView) {
    const { name, dtype, savedAs = dtype, shape, byteLength } = transposed;
    this.name = name;
    this.dtype = dtype;
    this.savedAs = savedAs;
    this.shape = [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
    this.byteLength = byteLength;
  }

  async read(): Promise<Uint8Array> {
    if (this.shape.length > 2) {
      const all = new Uint8Array(this.byteLength);
      const each = all.length / this.shape[0]!;
      for (let i = 0; i < this.shape[0]!; i++) all.set(await this.at(i).read(), i * each);
      return all;
    }
    const [columns, rows] = this.shape as [number, number];
    return fromFloat32(toFloat32Transposed(await this.transposed.read(), this.dtype, rows, columns), this.dtype);
  }

  slice(start: number, end: number): TensorView {
    return new TransposedView(this.transposed.slice(start, end));
  }

  at(index: number): TensorView {
    return new TransposedView(this.transposed.at(index));
  }
}
