/** Keeps a folder to one writer at a time. */

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

/** A folder that nobody else may write to until it is released. */
export interface FolderLock {
  /** Ends the lock, and removes the folder where the lock made it and nothing came into it. */
  release(): Promise<void>;
}

/** What is in a lock file. */
interface Holder extends Owner {
  /** Tells locks of one process apart. */
  readonly token: string;
  /** When it was taken, in ISO 8601. */
  readonly since: string;
}

const MAX_LOCK_BYTES = 10_000;

/** Locks of this thread. One of this process that is not among them belongs to another thread, or was given up. */
const held = new Set<string>();

/**
 * Locks a folder: the lock is a file in it, which one writer alone can make. A lock whose process is gone is taken over. (Node
 * only.) Who does not ask for the lock is not kept out.
 *
 * @param folder made where it does not exist
 * @param name the lock file's name, which says what is kept apart, such as `.save.lock`
 * @throws SafetensorsInUseError that names the holder where another process or thread holds it
 * @throws SafetensorsWriteError when the system refuses
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
 * @param draft a path for files on the way, which is known as that of a save: if its writer dies, the next save cleans up
 * @returns the token of the lock
 */
async function take(path: string, draft: string): Promise<string> {
  const token = crypto.randomUUID();
  const holder: Holder = { ...owner(), token, since: new Date().toISOString() };
  const text = `${JSON.stringify(holder)}\n`;
  // A lock that was freed or given up between two looks is tried again; whoever is faster has it.
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

/** Removes an abandoned lock, and no other that somebody took in its place meanwhile. */
async function takeAway(path: string, aside: string, abandoned: Holder | "unreadable"): Promise<void> {
  try {
    await move(path, aside);
  } catch (error) {
    if (isMissing(error)) return; // somebody else took it away
    throw error;
  }
  if (tokenOf(await read(aside)) === tokenOf(abandoned)) await remove(aside);
  else await move(aside, path);
}

function tokenOf(holder: Holder | "unreadable" | undefined): string | undefined {
  return typeof holder === "object" ? holder.token : holder;
}

function isHeld(holder: Holder | "unreadable"): boolean {
  if (holder === "unreadable") return false; // its writer died before it had written it
  const me = owner();
  const isMine = holder.host === me.host && holder.pid === me.pid && holder.thread === me.thread;
  return isMine && holder.started === me.started ? held.has(holder.token) : ownerIsRunning(holder);
}

/** What a lock file says; undefined where there is none. */
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
    expected: "to be its only writer",
    got: who,
    fix: `Wait until it has finished, or write to another folder. If that process is gone, delete ${path}`,
  });
}
