import { safeName } from "@mixtape/errors";
import type { ByteSource, TensorSource, TensorView } from "@mixtape/safetensors";
import { GgufError } from "./errors.js";

/** The tensors of open GGUF files, under their names in a Hugging Face checkpoint. */
export class GgufTensors implements TensorSource {
  readonly names: readonly string[];

  constructor(
    private readonly where: string,
    private readonly files: readonly ByteSource[],
    private readonly views: ReadonlyMap<string, TensorView>,
    readonly metadata: Readonly<Record<string, string>>,
  ) {
    this.names = Object.freeze([...views.keys()]);
  }

  has(name: string): boolean {
    return this.views.has(name);
  }

  tensor(name: string): TensorView {
    const view = this.views.get(name);
    if (view) return view;
    throw new GgufError({ where: this.where, expected: `one of ${this.names.length} tensors`, got: safeName(name) });
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close?.()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
