import {
  type CheckpointSource,
  type FetchOptions,
  openCheckpoint,
  SafetensorsNotFoundError,
  type TensorSource,
  type TensorView,
} from "@mixtape/safetensors";
import { AdapterError } from "../errors.js";

export const CONFIG_FILE = "adapter_config.json";
export const TENSORS_FILE = "adapter_model.safetensors";

/** The tensors of an adapter, under the names that Hugging Face peft 0.21 gives them whatever its version wrote. */
export class AdapterFile {
  /** The file, for errors. */
  readonly where: string;
  readonly #source: TensorSource;
  /** The name in the file by the name of peft 0.21. */
  readonly #names: ReadonlyMap<string, string>;
  readonly #modules: ReadonlySet<string>;
  readonly #found = new Set<string>();

  private constructor(source: TensorSource, where: string, isPeft: boolean) {
    this.#source = source;
    this.where = where;
    this.#names = new Map(source.names.map((name) => [isPeft ? nameToday(name) : name, name]));
    this.#modules = new Set([...this.#names.keys()].map(moduleOf));
  }

  /**
   * Opens the file.
   * @param options.isPeft whether its names are those of Hugging Face peft
   * @param options.fetching how it is fetched where the source is a URL
   * @throws {AdapterError} where there is none
   */
  static async open(
    source: CheckpointSource,
    { where, isPeft, fetching }: { readonly where: string; readonly isPeft: boolean; readonly fetching?: FetchOptions },
  ): Promise<AdapterFile> {
    try {
      return new AdapterFile(await openCheckpoint(source, { ...fetching, file: TENSORS_FILE }), where, isPeft);
    } catch (cause) {
      throw cause instanceof SafetensorsNotFoundError ? noTensors(where, cause) : cause;
    }
  }

  get names(): string[] {
    return [...this.#names.keys()];
  }

  /** True if a module has tensors of a LoRA. A `*` in its name stands for the index of an expert. */
  hasModule(name: string): boolean {
    return this.#modules.has(name);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** The tensor of the first of these names that the file has. */
  find(...names: readonly string[]): TensorView | undefined {
    const name = names.find((known) => this.#names.has(known));
    if (name === undefined) return undefined;
    this.#found.add(name);
    return this.#source.tensor(this.#names.get(name)!);
  }

  /** The names of tensors that nobody has found. */
  get unread(): string[] {
    return this.names.filter((name) => !this.#found.has(name));
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/** An error for a folder without the config of an adapter. */
export function noConfig(where: string): AdapterError {
  const fix = `The folder of an adapter has it beside ${TENSORS_FILE}; Hugging Face peft saves one that is not called default in a folder of that name within`;
  return new AdapterError({ where, expected: "a file", got: "none", fix });
}

function noTensors(where: string, cause: unknown): AdapterError {
  const convert = `save_file(torch.load("adapter_model.bin", weights_only=True), "${TENSORS_FILE}")`;
  const fix = `The folder of an adapter has it beside ${CONFIG_FILE}. One of an old peft has adapter_model.bin: convert that with safetensors.torch in Python, ${convert}`;
  return new AdapterError({ where, expected: "a file", got: "none", fix, cause });
}

/** Some files keep the name of the adapter in their names, or have no `base_model.model.` before them. */
function nameToday(name: string): string {
  const bare = name
    .replace(/\.(lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector|modules_to_save)\.default(?=\.|$)/, ".$1")
    .replace(/\.lora_magnitude_vector\.weight$/, ".lora_magnitude_vector")
    .replace(/\.modules_to_save\./, ".");
  return bare.startsWith("base_model.") || !/\.lora_/.test(bare) ? bare : `base_model.model.${bare}`;
}

function moduleOf(name: string): string {
  return name.replace(/\.lora_[^.]*(\.[^.]*)?$/, "").replace(/\.experts\.\d+\./, ".experts.*.");
}
