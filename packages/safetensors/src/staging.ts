import { isMissing, isRunning, join, listFolder, move, processId, remove, writeNew } from "#files";

/** A temporary file is called `.NAME.PROCESS-SAVE.tmp`: whose it is, and whether its writer still lives. */
const TEMPORARY = /^\.(?<name>.+)\.(?<save>(?<pid>\d+)-[0-9a-f]{8})\.tmp$/s;

/** Saves under way in this process. */
const live = new Set<string>();

/** A temporary file found in a folder. */
export interface Temporary {
  /** The file that it was to become. */
  readonly name: string;
  /** The save that wrote it. */
  readonly save: string;
  /** Whether the process that wrote it still runs, and may still be at it. */
  readonly live: boolean;
}

/** Begins a save and returns its name, unique in every folder. */
export function beginSave(): string {
  const save = `${processId()}-${crypto.randomUUID().slice(0, 8)}`;
  live.add(save);
  return save;
}

/** After this, temporary files of the save are leftovers. */
export function endSave(save: string): void {
  live.delete(save);
}

/** The path at which `save` prepares the file `name` of `folder`: in the same folder, so that a rename can place it. */
export function temporaryPath(folder: string, name: string, save: string): string {
  return join(folder, `.${name}.${save}.tmp`);
}

/** Writes a temporary file, and returns once the disk has it. */
export async function stage(
  folder: string,
  name: string,
  save: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  await writeNew(temporaryPath(folder, name, save), chunks);
}

/** Puts a staged file in place, over what is there. This is the moment at which it counts. */
export async function place(folder: string, name: string, save: string): Promise<void> {
  await move(temporaryPath(folder, name, save), join(folder, name));
}

/** As {@link place}, but fine with a file that is in place already: whoever finished the save put it there. */
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
    // A process that got the number of a dead one is told apart by the saves that it knows of.
    const isLive = Number(pid) === processId() ? live.has(save) : isRunning(Number(pid));
    found.push({ name, save, live: isLive });
  }
  return found;
}

/** Deletes a staged file of which nothing came. */
export async function discard(folder: string, { name, save }: Pick<Temporary, "name" | "save">): Promise<void> {
  await remove(temporaryPath(folder, name, save));
}
