import { isMissing, isRunning, join, listFolder, move, processId, remove, writeNew } from "#files";

/**
 * A temporary file is named `.NAME.PROCESS-SAVE.tmp`, which identifies its target and whether its writer still runs.
 */
const TEMPORARY = /^\.(?<name>.+)\.(?<save>(?<pid>\d+)-[0-9a-f]{8})\.tmp$/s;

/** Saves in progress in this process. */
const live = new Set<string>();

/** A temporary file found in a folder. */
export interface Temporary {
  /** Name of the target file. */
  readonly name: string;
  /** The save that wrote it. */
  readonly save: string;
  /** Whether the process that wrote it still runs, and may still be writing. */
  readonly live: boolean;
}

/** Begins a save and returns its name, unique in every folder. */
export function beginSave(): string {
  const save = `${processId()}-${crypto.randomUUID().slice(0, 8)}`;
  live.add(save);
  return save;
}

/** Ends a save: its temporary files are leftovers from now on. */
export function endSave(save: string): void {
  live.delete(save);
}

/**
 * Returns the path at which `save` prepares the file `name` of `folder`: in the same folder, so that a rename can place
 * it.
 */
export function temporaryPath(folder: string, name: string, save: string): string {
  return join(folder, `.${name}.${save}.tmp`);
}

/** Writes a temporary file, and returns once it is synced to disk. */
export async function stage(
  folder: string,
  name: string,
  save: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  await writeNew(temporaryPath(folder, name, save), chunks);
}

/** Places a staged file, replacing an existing one. From this moment it is valid. */
export async function place(folder: string, name: string, save: string): Promise<void> {
  await move(temporaryPath(folder, name, save), join(folder, name));
}

/** Places like {@link place}, but accepts a file that is already placed: another process finished the save. */
export async function placeIfStaged(folder: string, name: string, save: string): Promise<void> {
  try {
    await place(folder, name, save);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

export async function listTemporaries(folder: string): Promise<Temporary[]> {
  const found: Temporary[] = [];
  for (const file of await listFolder(folder)) {
    const { name, save, pid } = TEMPORARY.exec(file)?.groups ?? {};
    if (!name || !save) continue;
    // If a process has the id of a dead one, its own list of saves tells them apart.
    const isLive = Number(pid) === processId() ? live.has(save) : isRunning(Number(pid));
    found.push({ name, save, live: isLive });
  }
  return found;
}

/** Deletes a staged file that will not be used. */
export async function discard(folder: string, { name, save }: Pick<Temporary, "name" | "save">): Promise<void> {
  await remove(temporaryPath(folder, name, save));
}
