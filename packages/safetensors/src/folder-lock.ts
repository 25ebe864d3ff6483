/** Restricts a folder to one writer at a time. */

import {
  createNew,
  isAlready,
  isMissing,
  join,
  makeFolder,
  move,
  type Owner,
  owner,
  ownerIsRunning,
  readIfThere,
  remove,
  removeEmpty,
  splitPath,
} from "#files";
import { SafetensorsInUseError } from "./errors.js";
import { beginSave, endSave, temporaryPath } from "./staging.js";

/** Exclusive write access to a folder until it is released. */
export interface FolderLock {
  /** Releases the lock, and removes the folder if the lock created it and it is empty. */
  release(): Promise<void>;
}

/** Contents of a lock file. */
interface Holder extends Owner {
  /** Distinguishes locks of one process. */
  readonly token: string;
  /** Time of locking, in ISO 8601. */
  readonly since: string;
}

const MAX_LOCK_BYTES = 10_000;

/** Locks of this thread. Another lock of this process belongs to another thread, or was abandoned. */
const held = new Set<string>();

/**
 * Locks a folder: the lock is a file in it, which only one writer can create. A lock whose process has died is taken
 * over. The lock is advisory: it only excludes writers that lock too. (Node only.)
 *
 * @param folder created if it does not exist
 * @param name the lock file's name, such as `.save.lock`
 * @throws SafetensorsInUseError that names the holder, if another process or thread holds the lock
 * @throws SafetensorsWriteError if the system refuses
 */
export async function lockFolder(folder: string, name: string): Promise<FolderLock> {
  const path = join(folder, name);
  const made = await makeFolder(folder);
  const draft = beginSave();
  try {
    const token = await take(path, temporaryPath(folder, name, draft));
    return {
      async release() {
        await release(path, token);
        if (made !== undefined) await removeEmpty(folder, made);
      },
    };
  } finally {
    endSave(draft);
  }
}

/**
 * @param draft path of temporary files, named like those of a save: if the writer dies, the next save cleans up
 * @returns the token of the lock
 */
async function take(path: string, draft: string): Promise<string> {
  const token = crypto.randomUUID();
  const holder: Holder = { ...owner(), token, since: new Date().toISOString() };
  const text = `${JSON.stringify(holder)}\n`;
  // A lock that was released or abandoned between two checks is tried again; the fastest process gets it.
  for (let tries = 0; ; tries++) {
    held.add(token);
    try {
      await createNew(path, draft, text);
      return token;
    } catch (error) {
      held.delete(token);
      if (!isAlready(error)) throw error;
    }
    const found = await read(path);
    if (found === undefined) continue;
    if (tries >= 10 || isHeld(found)) throw inUse(path, found);
    await takeAway(path, draft, found);
  }
}

async function release(path: string, token: string): Promise<void> {
  if (!held.delete(token)) return;
  const found = await read(path);
  if (found !== undefined && found !== "unreadable" && found.token === token) await remove(path);
}

/** Removes an abandoned lock, unless another process has replaced it meanwhile. */
async function takeAway(path: string, aside: string, abandoned: Holder | "unreadable"): Promise<void> {
  try {
    await move(path, aside);
  } catch (error) {
    if (isMissing(error)) return; // another process removed it
    throw error;
  }
  if (tokenOf(await read(aside)) === tokenOf(abandoned)) await remove(aside);
  else await move(aside, path);
}

function tokenOf(holder: Holder | "unreadable" | undefined): string | undefined {
  return typeof holder === "object" ? holder.token : holder;
}

function isHeld(holder: Holder | "unreadable"): boolean {
  if (holder === "unreadable") return false; // its writer died before it was written
  const me = owner();
  const isMine = holder.host === me.host && holder.pid === me.pid && holder.thread === me.thread;
  return isMine && holder.started === me.started ? held.has(holder.token) : ownerIsRunning(holder);
}

/** Reads a lock file; undefined if it does not exist. */
async function read(path: string): Promise<Holder | "unreadable" | undefined> {
  const bytes = await readIfThere(path, MAX_LOCK_BYTES);
  if (bytes === undefined) return undefined;
  try {
    const { pid, host, started, thread, command, token, since } = JSON.parse(new TextDecoder().decode(bytes)) as Holder;
    const isValid = Number.isInteger(pid) && [host, command, token, since].every((part) => typeof part === "string");
    return isValid ? { pid, host, started, thread, command, token, since } : "unreadable";
  } catch {
    return "unreadable";
  }
}

function inUse(path: string, holder: Holder | "unreadable"): SafetensorsInUseError {
  const who =
    holder === "unreadable"
      ? "another"
      : `process ${holder.pid} on ${holder.host} (${holder.command}), which has been writing since ${holder.since}`;
  return new SafetensorsInUseError({
    where: splitPath(path).folder,
    expected: "exclusive access",
    got: who,
    fix: `Wait until it has finished, or write to another folder. If that process is gone, delete ${path}`,
  });
}
