import { join, listFolder, openFile, toPath } from "#files";
import { type ByteSource, blobSource, memorySource } from "./byte-source.js";
import { SafetensorsError, SafetensorsNotFoundError } from "./errors.js";
import { explainFolder } from "./explain-folder.js";
import { type FetchOptions, isWebAddress } from "./fetch-options.js";
import { openUrl } from "./http-source.js";
import { finishSave } from "./journal.js";

/** The files of a checkpoint that are not in a folder: name to content. `[...input.files].map((f) => [f.name, f])` makes one. */
export type CheckpointFiles = ReadonlyMap<string, Blob | ArrayBuffer | Uint8Array | URL>;

/** Where a checkpoint is: a folder (Node), the `http(s):` or `file:` URL of one, or a map of file names to contents. */
export type CheckpointSource = string | URL | CheckpointFiles;

/** Where the files of a checkpoint are looked up. */
export interface Folder {
  readonly name: string;
  nameOf(file: string): string;
  /**
   * @param wholeUpTo how long a file that will be read whole may be. A server that ignores ranges will do for it: those
   *   that compress often ignore them for JSON.
   * @throws SafetensorsNotFoundError
   */
  open(file: string, wholeUpTo?: number): Promise<ByteSource>;
  /** The names of its files, where they can be known: a server does not list them. */
  list(): Promise<readonly string[] | undefined>;
}

/** The folder of a source. In a local one, a save that was killed after its commit is finished first. */
export async function folderOf(source: CheckpointSource, options: FetchOptions): Promise<Folder> {
  if (source instanceof Map) return fileMap(source, options);
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
  // A query goes along: it may hold the key that opens the folder.
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

/** The options for a file. One that is read whole anyway is nothing to warn of. */
function allowing(wholeUpTo: number | undefined, options: FetchOptions): FetchOptions {
  if (wholeUpTo === undefined) return options;
  return { ...options, wholeFileUpTo: Math.min(options.wholeFileUpTo ?? wholeUpTo, wholeUpTo), onWarning: () => {} };
}

/** What `opening` opens, or the error that says that there is no such file. */
export async function orMissing<T>(opening: Promise<T>): Promise<T | SafetensorsNotFoundError> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof SafetensorsNotFoundError) return error;
    throw error;
  }
}

/**
 * What a source holds in place of a checkpoint, by the names of its files.
 * @returns sentences without the last full stop; undefined where nothing can be told
 */
export async function explainSource(source: CheckpointSource): Promise<string | undefined> {
  const folder = await folderOf(source, {});
  const names = await folder.list().catch(() => undefined);
  return names && explainFolder(names);
}
