import { close, constants, fstat, open as openDescriptor, read as readDescriptor, readFileSync } from "node:fs";
import { link, mkdir, open, readdir, rename, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { threadId } from "node:worker_threads";
import type { ByteSource } from "./byte-source.js";
import { SafetensorsError, SafetensorsNotFoundError, SafetensorsReadError, SafetensorsWriteError } from "./errors.js";

// File system access of this package. In browsers, files-browser.ts replaces this module.

export { join } from "node:path";

/** Maximum bytes of one system call; Linux itself stops at 2 GiB less a page. */
const CHUNK_BYTES = 2 ** 30;

/** Converts a path or a `file:` URL to a path. */
export function toPath(path: string | URL): string {
  const text = String(path);
  if (!(path instanceof URL) && !/^file:/i.test(text)) return text;
  try {
    return fileURLToPath(text);
  } catch (cause) {
    throw new SafetensorsError({
      where: text,
      expected: "a path, or a file: or http(s): URL",
      got: message(cause),
      cause,
    });
  }
}

export function splitPath(path: string): { folder: string; name: string } {
  return { folder: dirname(path), name: basename(path) };
}

const descriptor = {
  open: promisify(openDescriptor),
  stat: promisify(fstat),
  read: promisify(readDescriptor),
  close: promisify(close),
};

/** Closes files that were not closed once they are unreachable. Node's `FileHandle` does so too, but with a warning. */
const unreachable = new FinalizationRegistry<number>((fd) => close(fd, () => {}));

/** @throws SafetensorsNotFoundError, SafetensorsReadError */
export async function openFile(path: string | URL): Promise<ByteSource> {
  const name = toPath(path);
  return reading(name, async () => {
    // Does not wait for the writer of a pipe. Windows has neither the flag nor such pipes.
    const fd = await descriptor.open(name, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = await descriptor.stat(fd);
      if (!stats.isFile())
        throw new SafetensorsReadError({ where: name, expected: "a file", got: "a folder, a pipe or a device" });
      // Reads hold a reference, so a file is not closed during a read.
      const opened = { fd };
      unreachable.register(opened, fd, opened);
      return {
        name,
        path: name,
        size: stats.size,
        read: (offset, length) =>
          reading(name, async () => {
            const bytes = new Uint8Array(length);
            let filled = 0;
            while (filled < length) {
              const wanted = Math.min(length - filled, CHUNK_BYTES);
              const { bytesRead } = await descriptor.read(opened.fd, bytes, filled, wanted, offset + filled);
              if (bytesRead === 0) break;
              filled += bytesRead;
            }
            return bytes.subarray(0, filled);
          }),
        async close() {
          unreachable.unregister(opened);
          await descriptor.close(opened.fd);
        },
      };
    } catch (error) {
      await descriptor.close(fd);
      throw error;
    }
  });
}

/** Reads a small file; undefined if it does not exist or has more than `limit` bytes. */
export async function readIfThere(path: string, limit: number): Promise<Uint8Array | undefined> {
  const file = await ifThere(openFile(path));
  if (!file) return undefined;
  try {
    return file.size <= limit ? await file.read(0, file.size) : undefined;
  } finally {
    await file.close?.();
  }
}

/** Lists the names in a folder. */
export function listFolder(folder: string): Promise<string[]> {
  return reading(folder, () => readdir(folder), "an existing folder");
}

/** Returns size and modification time as text; undefined if the file does not exist. A rename keeps both. */
export async function stampOf(path: string): Promise<string | undefined> {
  const stats = await ifThere(reading(path, () => stat(path, { bigint: true })));
  return stats && `${stats.size} ${stats.mtimeNs}`;
}

/** Retries in case somebody removes a folder between two steps. */
const MAKE_TRIES = 5;

/**
 * Creates a folder and its missing parents. Node's recursive `mkdir` never returns on file systems that answer ENOENT
 * to it, such as /proc.
 *
 * @returns the outermost folder that it created, or undefined
 * @throws {SafetensorsWriteError} that names the folder that cannot be created
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    const missing = await missingFolders(folder);
    try {
      for (const path of missing) await makeOne(path);
      return missing[0];
    } catch (error) {
      if (!isMissing(error) || tries === MAKE_TRIES) throw error;
    }
  }
}

/** Lists the folder and its parents that do not exist yet, the outermost first. */
async function missingFolders(folder: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = resolve(folder); !(await isFolder(at)); at = dirname(at)) {
    missing.unshift(at);
    if (dirname(at) === at) break;
  }
  return missing;
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (cause) {
    // Another process may have created it meanwhile.
    if (code(cause) === "EEXIST" && (await isFolder(path))) return;
    const isFile = code(cause) === "EEXIST" || code(cause) === "ENOTDIR";
    const got = isFile ? "a file of that name" : `the system's answer "${message(cause)}"`;
    const fix = isFile ? "Choose another folder" : "Choose a folder where you have permission to create one";
    throw new SafetensorsWriteError({ where: path, expected: "to create this folder", got, fix, cause });
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Deletes an empty folder, and its empty parents up to `outermost`. */
export async function removeEmpty(folder: string, outermost: string): Promise<void> {
  const last = resolve(outermost);
  for (let at = resolve(folder); ; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      return;
    }
    if (at === last) return;
  }
}

/**
 * Writes a file that must not exist, and returns once it is synced to disk. Errors of `chunks` itself pass unchanged.
 */
export async function writeNew(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await writing(path, () => open(path, "wx"));
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten } = await writing(path, () =>
          handle.write(chunk, at, Math.min(chunk.length - at, CHUNK_BYTES)),
        );
        at += bytesWritten;
      }
    }
    await writing(path, () => handle.sync());
  } finally {
    await handle.close();
  }
}

/**
 * Creates a small file that must not exist, atomically: it is never visible in part. It may not be synced to disk yet
 * when this returns.
 * @param draft path of a temporary file in the same folder
 */
export async function createNew(path: string, draft: string, text: string): Promise<void> {
  await writing(path, async () => {
    await writeFile(draft, text, { flag: "wx" });
    try {
      await link(draft, path);
    } catch (error) {
      if (!WITHOUT_LINKS.has(code(error))) throw error;
      await writeFile(path, text, { flag: "wx" });
    } finally {
      await unlink(draft);
    }
  });
}

/** Error codes of file systems without hard links. */
const WITHOUT_LINKS: ReadonlySet<unknown> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** Renames a file within a folder, replacing an existing one. */
export async function move(from: string, to: string): Promise<void> {
  await writing(to, () => rename(from, to));
}

/** Whether a write failed because its file does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof SafetensorsWriteError && code(error.cause) === "ENOENT";
}

/** Whether a file could not be created because one of that name exists. */
export function isAlready(error: unknown): boolean {
  return error instanceof SafetensorsWriteError && code(error.cause) === "EEXIST";
}

/** Deletes a file, if it exists. */
export async function remove(path: string): Promise<void> {
  await writing(path, async () => {
    try {
      await unlink(path);
    } catch (error) {
      if (code(error) !== "ENOENT") throw error;
    }
  });
}

/** Syncs the folder's entries to disk. Windows cannot open folders, and syncs names by itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  await writing(folder, async () => {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** A writing process: enough to tell whether it still runs, and to name it. */
export interface Owner {
  readonly pid: number;
  readonly thread: number;
  readonly host: string;
  /** Start time of the process, in ticks since boot; null if the system does not report it. */
  readonly started: string | null;
  /** Command line of the process. */
  readonly command: string;
}

export function owner(): Owner {
  const command = process.argv
    .slice(0, 3)
    .map((part, i) => (i === 2 ? part : basename(part)))
    .join(" ");
  return { pid: process.pid, thread: threadId, host: hostname(), started: startOf(process.pid), command };
}

/** Processes of another machine cannot be checked: they count as running. */
export function ownerIsRunning({ pid, host, started }: Owner): boolean {
  if (host !== hostname()) return true;
  // The id of a dead process may have been reused.
  return isRunning(pid) && startOf(pid) === started;
}

function startOf(pid: number): string | null {
  if (process.platform !== "linux") return null;
  try {
    // The fields after the program's name, which is in parentheses and may contain anything.
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

export function processId(): number {
  return process.pid;
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return code(error) === "EPERM";
  }
}

async function reading<T>(where: string, action: () => Promise<T>, expected = "a readable file"): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof SafetensorsError) throw cause;
    const NotHad =
      code(cause) === "ENOENT" || code(cause) === "ENOTDIR" ? SafetensorsNotFoundError : SafetensorsReadError;
    throw new NotHad({ where, expected, got: message(cause), cause });
  }
}

async function ifThere<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof SafetensorsNotFoundError) return undefined;
    throw error;
  }
}

/** Error codes of a full disk. */
const FULL: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

async function writing<T>(where: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const fix = FULL.has(code(cause)) && { fix: "Free some space, or choose a folder on another disk" };
    throw new SafetensorsWriteError({ where, expected: "to write", got: message(cause), cause, ...fix });
  }
}

function code(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
