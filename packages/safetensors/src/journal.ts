import { join, readIfThere, remove, stampOf, syncFolder, toPath } from "#files";
import { SafetensorsIndexError, SafetensorsNotFoundError } from "./errors.js";
import { INDEX_FILE, isPlainFileName, MAX_INDEX_BYTES, parseIndex, SINGLE_FILE } from "./index-file.js";
import { discard, listTemporaries, placeIfStaged, stage, type Temporary, temporaryPath } from "./staging.js";

// A save replaces several files, and a file system replaces one at a time. So a save first stages everything under
// temporary names, then writes a journal of the remaining steps, and then takes one deciding step: the commit. Before
// it the old checkpoint is valid, after it the new one. With the journal, any process can finish the remaining steps.

/** Files staged by a save, and the data to tell whether it committed. */
export interface Journal {
  /** The file whose placement commits: one with all tensors, or the index of several. */
  readonly commit: string;
  /** Stamp of that file, which distinguishes it from one of the same name written by something else. */
  readonly stamp: string;
  /** Staged files that are placed after the commit, such as config.json. */
  readonly files: readonly string[];
  /** Shards that are placed before the commit. */
  readonly shards: readonly string[];
  /** Weights of the old checkpoint, deleted after the commit. */
  readonly stale: readonly string[];
}

/** Name of the journal as a staged file. It is never placed. */
const JOURNAL = "save-journal.json";
const MAX_JOURNAL_BYTES = 100_000_000;

export async function stageJournal(folder: string, save: string, journal: Journal): Promise<void> {
  await stage(folder, JOURNAL, save, chunk(JSON.stringify(journal)));
  await syncFolder(folder);
}

/**
 * Finishes saves that were killed after their commit: the files that they staged beside the weights, such as
 * config.json, are placed. `openCheckpoint` does this first; call it before reading such a file without opening the
 * checkpoint. (Node only. Without it, a save killed during those few renames leaves the new weights beside the old
 * config.json.)
 * @throws SafetensorsWriteError if there is something to finish and the folder cannot be written
 */
export async function finishSave(folder: string | URL): Promise<void> {
  const path = toPath(folder);
  for (const { save } of await journalsIn(path)) {
    const journal = await readJournal(path, save);
    if (journal && (await hasCommitted(path, journal))) await placeFiles(path, save, journal.files);
  }
}

/**
 * Completes a save, forward if it committed and otherwise back, and removes all of its temporary files.
 * @param committed whether it did, if the caller knows
 */
export async function settle(folder: string, save: string, committed?: boolean): Promise<void> {
  const journal = await readJournal(folder, save);
  if (journal && (committed ?? (await hasCommitted(folder, journal)))) {
    await placeFiles(folder, save, journal.files);
    for (const name of journal.stale) await remove(join(folder, name));
  } else if (journal) {
    await rollBack(folder, journal);
  }
  const mine = (await listTemporaries(folder)).filter((temporary) => temporary.save === save);
  for (const temporary of mine) if (temporary.name !== JOURNAL) await discard(folder, temporary);
  for (const temporary of mine) if (temporary.name === JOURNAL) await discard(folder, temporary);
}

async function rollBack(folder: string, { commit, stamp, shards }: Journal): Promise<void> {
  const index = join(folder, INDEX_FILE);
  const isOurs = commit === INDEX_FILE && (await stampOf(index)) === stamp;
  if (isOurs) await remove(index); // placed, but a single file still exists and takes precedence
  const inUse = await indexedFiles(folder);
  for (const name of shards) if (!inUse.has(name)) await remove(join(folder, name));
}

/** Returns the files that the index of a folder names. None if there is no index, or one that cannot be read. */
export async function indexedFiles(folder: string): Promise<ReadonlySet<string>> {
  const index = await readIfThere(join(folder, INDEX_FILE), MAX_INDEX_BYTES);
  try {
    return new Set(index && parseIndex(index, INDEX_FILE).values());
  } catch (error) {
    if (error instanceof SafetensorsIndexError) return new Set();
    throw error;
  }
}

/** Settles every save whose process died before it finished. */
export async function settleDead(folder: string): Promise<void> {
  const dead = (await listTemporaries(folder)).filter(({ live }) => !live);
  for (const save of new Set(dead.map((temporary) => temporary.save))) await settle(folder, save);
}

/** The single file takes precedence over an index, so an index has committed only once no single file is left. */
async function hasCommitted(folder: string, { commit, stamp }: Journal): Promise<boolean> {
  if ((await stampOf(join(folder, commit))) !== stamp) return false;
  return commit !== INDEX_FILE || (await stampOf(join(folder, SINGLE_FILE))) === undefined;
}

/**
 * Places the files beside the weights that are not placed yet. Runs right after the commit, without waiting for the
 * disk: readers that do not know the journal see new weights beside old files for the duration of these renames. (File
 * systems keep their order: a power failure leaves an intermediate state, which the journal completes.)
 */
export async function placeFiles(folder: string, save: string, files: readonly string[]): Promise<void> {
  for (const name of files) await placeIfStaged(folder, name, save);
  await syncFolder(folder);
}

async function journalsIn(folder: string): Promise<Temporary[]> {
  try {
    return (await listTemporaries(folder)).filter(({ name }) => name === JOURNAL);
  } catch (error) {
    if (error instanceof SafetensorsNotFoundError) return []; // no folder, no saves
    throw error;
  }
}

/** Reads the journal of a save; undefined if it has none or died before completing it: then it has not committed. */
async function readJournal(folder: string, save: string): Promise<Journal | undefined> {
  const bytes = await readIfThere(temporaryPath(folder, JOURNAL, save), MAX_JOURNAL_BYTES);
  if (!bytes) return undefined;
  try {
    return checkJournal(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Checks a journal, since a downloaded folder may contain a forged one: it may affect neither other folders nor other
 * files.
 */
function checkJournal(value: unknown): Journal | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { commit, stamp, files, shards, stale } = value as Record<string, unknown>;
  const isWeights = (name: unknown) => isPlainFileName(name) && (name === INDEX_FILE || name.endsWith(".safetensors"));
  const valid =
    isWeights(commit) &&
    typeof stamp === "string" &&
    [files, shards, stale].every(Array.isArray) &&
    (files as unknown[]).every(isPlainFileName) &&
    [...(shards as unknown[]), ...(stale as unknown[])].every(isWeights);
  return valid ? (value as Journal) : undefined;
}

async function* chunk(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
