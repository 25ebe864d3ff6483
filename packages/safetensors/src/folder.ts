import { join, listFolder, openFile, toPath } from "#files";
import { type ByteSource, blobSource, memorySource } from "./byte-source.js";
import { SafetensorsError, SafetensorsNotFoundError } from "./errors.js";
import { explainFolder } from "./explain-folder.js";
import { type FetchOptions, isWebAddress } from "./fetch-options.js";
import { openUrl } from "./http-source.js";
import { finishSave } from "./journal.js";
import type { TensorSource } from "./tensor-view.js";

/**
 * Files of a checkpoint that are not in a folder: name to content. Create one with `[...input.files].map((f) =>
 * [f.name, f])`.
 */
export type CheckpointFiles = ReadonlyMap<string, Blob | ArrayBuffer | Uint8Array | URL>;

/** A checkpoint in another form than a folder, such as a GGUF file: the files that a folder would have, and its tensors. */
export interface Checkpoint {
  /** Name for errors, such as its path. */
  readonly name: string;
  /** Names of the files beside the tensors, such as `config.json`. */
  readonly files: readonly string[];
  /** Reads one of the files; undefined if there is none of that name. */
  readFile(name: string): Promise<Uint8Array | undefined>;
  /** Opens the tensors, under the names that they have in a safetensors checkpoint. Each call opens them anew. */
  openTensors(): Promise<TensorSource>;
}

/**
 * Location of a checkpoint: a folder (Node), the `http(s):` or `file:` URL of one, a map of file names to contents, or a
 * {@link Checkpoint}.
 */
export type CheckpointSource = string | URL | CheckpointFiles | Checkpoint;

/** Whether a source is a {@link Checkpoint}. */
export function isCheckpoint(source: unknown): source is Checkpoint {
  return typeof source === "object" && source !== null && "openTensors" in source;
}

/** Returns the name of a checkpoint for errors and warnings. */
export function nameOfSource(source: CheckpointSource): string {
  if (source instanceof Map) return "the files";
  return isCheckpoint(source) ? source.name : String(source);
}

/** The folder in which the files of a checkpoint are looked up. */
export interface Folder {
  readonly name: string;
  nameOf(file: string): string;
  /**
   * Opens a file.
   * @param wholeUpTo maximum size of a file that will be read whole. A server that ignores ranges is accepted for it:
   *   servers that compress often ignore ranges for JSON.
   * @throws SafetensorsNotFoundError
   */
  open(file: string, wholeUpTo?: number): Promise<ByteSource>;
  /** Lists the names of its files; undefined if they cannot be listed, as on a server. */
  list(): Promise<readonly string[] | undefined>;
}

/** Returns the folder of a source. In a local one, a save that was killed after its commit is finished first. */
export async function folderOf(source: CheckpointSource, options: FetchOptions): Promise<Folder> {
  if (source instanceof Map) return fileMap(source, options);
  if (isCheckpoint(source)) return filesOf(source);
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new SafetensorsError({
      where: "checkpoint",
      expected: "a folder, a URL or a map of files",
      got: typeof source,
    });
  }
  if (isWebAddress(source)) return webFolder(new URL(source), options);
  const path = toPath(source);
  await finishSave(path);
  return {
    name: path,
    nameOf: (file) => join(path, file),
    open: (file) => openFile(join(path, file)),
    list: () => listFolder(path),
  };
}

function webFolder(base: URL, options: FetchOptions): Folder {
  // Keeps the query: it may hold the access token of the folder.
  const address = (file: string) => {
    const url = new URL(base);
    url.pathname = `${base.pathname.replace(/\/$/, "")}/${encodeURIComponent(file)}`;
    return url;
  };
  const nameOf = (file: string) => base.origin + address(file).pathname;
  return {
    name: base.origin + base.pathname,
    nameOf,
    open: (file, wholeUpTo) => openUrl(address(file), allowing(wholeUpTo, options)),
    list: async () => undefined,
  };
}

function fileMap(files: CheckpointFiles, options: FetchOptions): Folder {
  return {
    name: "the map of files",
    nameOf: (file) => file,
    list: async () => [...files.keys()],
    async open(file, wholeUpTo) {
      const content = files.get(file);
      if (content instanceof URL) {
        return isWebAddress(content) ? openUrl(content, allowing(wholeUpTo, options)) : openFile(content);
      }
      if (content instanceof Blob) return blobSource(content, file);
      if (content) return memorySource(content, file);
      throw new SafetensorsNotFoundError({ where: file, expected: "a file of this name", got: "none in the map" });
    },
  };
}

function filesOf(checkpoint: Checkpoint): Folder {
  const nameOf = (file: string): string => `${checkpoint.name}: ${file}`;
  return {
    name: checkpoint.name,
    nameOf,
    list: async () => checkpoint.files,
    async open(file) {
      const content = await checkpoint.readFile(file);
      if (content) return memorySource(content, nameOf(file));
      throw new SafetensorsNotFoundError({ where: nameOf(file), expected: "a file of this name", got: "none" });
    },
  };
}

/** Returns the options for a file. One that is read whole anyway needs no warning. */
function allowing(wholeUpTo: number | undefined, options: FetchOptions): FetchOptions {
  if (wholeUpTo === undefined) return options;
  return { ...options, wholeFileUpTo: Math.min(options.wholeFileUpTo ?? wholeUpTo, wholeUpTo), onWarning: () => {} };
}

/** Returns the opened file, or the error for one that does not exist. */
export async function orMissing<T>(opening: Promise<T>): Promise<T | SafetensorsNotFoundError> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof SafetensorsNotFoundError) return error;
    throw error;
  }
}

/**
 * Describes the contents of a source that is not a checkpoint, by the names of its files.
 * @returns sentences without the last full stop; undefined if nothing is known
 */
export async function explainSource(source: CheckpointSource): Promise<string | undefined> {
  const folder = await folderOf(source, {});
  const names = await folder.list().catch(() => undefined);
  return names && explainFolder(names);
}
