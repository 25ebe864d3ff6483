import {
  type ByteSource,
  type Checkpoint,
  type FetchOptions,
  openByteSource,
  type TensorSource,
} from "@mixtape/safetensors";
import type { GgufModel } from "./architectures/architecture.js";
import { modelConfig } from "./architectures/model-config.js";
import { GgufError, GgufFormatError } from "./errors.js";
import { generationConfig } from "./generation-config.js";
import { type GgufFile, type ReadFile, readFiles } from "./gguf-files.js";
import { GgufTensors } from "./gguf-tensors.js";
import type { Metadata } from "./header/metadata.js";
import { checkpointTensors } from "./tensors/checkpoint-tensors.js";
import { tokenizerConfig, tokenizerJson } from "./tokenizer/tokenizer-files.js";

/**
 * Opens a GGUF file as the Hugging Face checkpoint that it was made from: `config.json`, the tokenizer and the chat template
 * are made from its metadata, and its tensors have the names and shapes of safetensors. Reads the header alone.
 *
 * @param source a path (Node), a `file:` or `http(s):` URL, a `Blob` or `File`, or bytes; or all files of a split model, of
 *   which one path or URL is enough
 * @param options for fetching URLs; `onWarning` also gets warnings about the tokenizer
 * @throws {GgufFormatError} for a damaged, truncated or hostile file
 * @throws {GgufUnsupportedError} for a version of the format that is not supported
 * @throws as `openSafetensors` for a file that cannot be read
 */
export async function openGguf(
  source: GgufFile | readonly GgufFile[],
  options: FetchOptions = {},
): Promise<GgufCheckpoint> {
  const sources = Array.isArray(source) ? (source as readonly GgufFile[]) : [source as GgufFile];
  if (sources.length === 0) throw new GgufError({ where: "openGguf", expected: "a file", got: "none" });
  return new GgufCheckpoint(await readFiles(sources, options), options);
}

/** A GGUF model as a Hugging Face checkpoint. */
export class GgufCheckpoint implements Checkpoint {
  readonly name: string;
  readonly #files: readonly ReadFile[];
  readonly #options: FetchOptions;
  readonly #model: GgufModel;
  readonly #makers: ReadonlyMap<string, () => Readonly<Record<string, unknown>>>;

  constructor(files: readonly ReadFile[], options: FetchOptions) {
    const { metadata } = files[0]!.header;
    this.name = metadata.where;
    this.#files = files;
    this.#options = options;
    const tensors = new Map(files.flatMap(({ header }) => header.tensors.map((info) => [info.name, info])));
    const ropeFactors = files.find((file) => file.ropeFactors)?.ropeFactors;
    this.#model = { where: this.name, metadata, tensors, ...(ropeFactors && { ropeFactors }) };
    const onWarning = options.onWarning ?? console.warn;
    this.#makers = new Map<string, () => Readonly<Record<string, unknown>>>([
      ["config.json", () => modelConfig(this.#model)],
      ["generation_config.json", () => generationConfig(metadata)],
      ["tokenizer.json", () => tokenizerJson(metadata, onWarning)],
      ["tokenizer_config.json", () => tokenizerConfig(metadata)],
    ]);
  }

  /** Metadata of the file; of the first, if it is split. */
  get metadata(): Metadata {
    return this.#model.metadata;
  }

  get files(): readonly string[] {
    return [...this.#makers.keys()];
  }

  /**
   * Makes a file from the metadata, parsed; undefined for one that is not in {@link files}. The vocabulary of a tokenizer
   * is a `Map`.
   * @throws as {@link readFile}
   */
  readJson(name: string): Readonly<Record<string, unknown>> | undefined {
    return this.#makers.get(name)?.();
  }

  /**
   * Makes a file from the metadata; undefined for one that is not in {@link files}.
   * @throws {GgufFormatError} for metadata that are missing or wrong
   * @throws {GgufUnsupportedError} for what is not supported: the architecture, the kind of tokenizer
   */
  async readFile(name: string): Promise<Uint8Array | undefined> {
    const made = this.readJson(name);
    return made && new TextEncoder().encode(JSON.stringify(made, (_, value: unknown) => objectOf(value)));
  }

  /**
   * Opens the tensors.
   * @throws {GgufUnsupportedError} for an architecture or a tensor type that is not supported, and for a tensor that the
   *   architecture does not have
   * @throws {GgufFormatError} if a file has another size than when its header was read
   */
  async openTensors(): Promise<TensorSource> {
    const opened: ByteSource[] = [];
    try {
      for (const { source, size, header } of this.#files) {
        const file = await openByteSource(source, this.#options);
        opened.push(file);
        if (file.size !== size)
          throw new GgufFormatError({
            where: header.metadata.where,
            expected: `${size} bytes, as before`,
            got: `${file.size}`,
          });
      }
      const stored = this.#files.flatMap(({ header }, i) => header.tensors.map((info) => ({ info, file: opened[i]! })));
      const views = checkpointTensors(this.#model, stored);
      return new GgufTensors(this.name, opened, views, { format: "gguf" });
    } catch (error) {
      await Promise.all(opened.map((file) => file.close?.()));
      throw error;
    }
  }
}

function objectOf(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
