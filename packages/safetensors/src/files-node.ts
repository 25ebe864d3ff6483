import { mkdir, open, readdir, rename, rmdir, stat, unlink } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ByteSource } from "./byte-source.js";
import { SafetensorsError, SafetensorsNotFoundError, SafetensorsReadError, SafetensorsWriteError } from "./errors.js";

// What this package needs of a file system. In browsers, files-browser.ts stands in for this module.

export { join } from "node:path";

/** One system call reads or writes at most so much; Linux itself stops at 2 GiB less a page. */
const CHUNK_BYTES = 2 ** 30;

/** The path that a path or a `file:` URL names. */
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

/** @throws SafetensorsNotFoundError, SafetensorsReadError */
export async function openFile(path: string | URL): Promise<ByteSource> {
  const name = toPath(path);
  return reading(name, async () => {
    const handle = await open(name, "r");
    try {
      const stats = await handle.stat();
      if (!stats.isFile())
        throw new SafetensorsReadError({ where: name, expected: "a file", got: "a folder or a device" });
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
              const { bytesRead } = await handle.read(bytes, filled, wanted, offset + filled);
              if (bytesRead === 0) break;
              filled += bytesRead;
            }
            return bytes.subarray(0, filled);
          }),
        close: () => handle.close(),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}

/** The bytes of a small file, or undefined where there is none of at most `limit` bytes. */
export async function readIfThere(path: string, limit: number): Promise<Uint8Array | undefined> {
  const file = await ifThere(openFile(path));
  if (!file) return undefined;
  try {
    return file.size <= limit ? await file.read(0, file.size) : undefined;
  } finally {
    await file.close?.();
  }
}

/** The names in a folder. */
export function listFolder(folder: string): Promise<string[]> {
  return reading(folder, () => readdir(folder));
}

/** Size and time of the last change as text, or undefined where there is no such file. A rename keeps both. */
export async function stampOf(path: string): Promise<string | undefined> {
  const stats = await ifThere(reading(path, () => stat(path, { bigint: true })));
  return stats && `${stats.size} ${stats.mtimeNs}`;
}

/** Makes a folder, and those that it is in, where they do not exist. Returns the outermost that it made. */
export function makeFolder(folder: string): Promise<string | undefined> {
  return writing(folder, () => mkdir(folder, { recursive: true }));
}

/** Deletes an empty folder, and those that it is in up to `outermost`. Those that something lies in stay, as do their parents. */
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

/** Writes a file that must not exist, and returns once the disk has it. Errors of `chunks` itself pass as they are. */
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

/** Renames within a folder, over what is there. */
export async function move(from: string, to: string): Promise<void> {
  await writing(to, () => rename(from, to));
}

/** Whether a write failed for want of the file that it was to work on. */
export function isMissing(error: unknown): boolean {
  return error instanceof SafetensorsWriteError && code(error.cause) === "ENOENT";
}

/** Deletes a file; that it is gone already is fine. */
export async function remove(path: string): Promise<void> {
  await writing(path, async () => {
    try {
      await unlink(path);
    } catch (error) {
      if (code(error) !== "ENOENT") throw error;
    }
  });
}

/** Returns once the disk has the folder's names. Windows opens no folders, and keeps names by itself. */
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

async function reading<T>(where: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof SafetensorsError) throw cause;
    const NotHad =
      code(cause) === "ENOENT" || code(cause) === "ENOTDIR" ? SafetensorsNotFoundError : SafetensorsReadError;
    throw new NotHad({ where, expected: "a readable file", got: message(cause), cause });
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

async function writing<T>(where: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new SafetensorsWriteError({ where, expected: "to write", got: message(cause), cause });
  }
}

function code(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
