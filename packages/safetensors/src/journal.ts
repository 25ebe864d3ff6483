import { join, readIfThere, remove, stampOf, syncFolder, toPath } from "#files";
import { SafetensorsIndexError, SafetensorsNotFoundError } from "./errors.js";
import { INDEX_FILE, isPlainFileName, MAX_INDEX_BYTES, parseIndex, SINGLE_FILE } from "./index-file.js";
import { discard, listTemporaries, placeIfStaged, stage, type Temporary, temporaryPath } from "./staging.js";

// A save replaces several files, and a file system replaces one at a time. So a save first stages everything under
// temporary names, then writes a journal of what is to be done, and then takes one step that decides: the commit. Before
// it the old checkpoint counts, after it the new one. Whatever else is to be done, the journal lets anyone finish.

/** What a save has staged, and how to tell whether it committed. */
export interface Journal {
  /** The file whose arrival commits: one that holds all tensors, or the index of several. */
  readonly commit: string;
  /** The stamp of that file, which tells it from one of the same name that something else wrote. */
  readonly stamp: string;
  /** Staged files that take their places after the commit, such as config.json. */
  readonly files: readonly string[];
  /** Shards that take their places before it. */
  readonly shards: readonly string[];
  /** Weights of the old checkpoint, deleted after it. */
  readonly stale: readonly string[];
}

/** The journal's name as a staged file. It never takes a place of its own. */
const JOURNAL = "save-journal.json";
const MAX_JOURNAL_BYTES = 100_000_000;

export async function stageJournal(folder: string, save: string, journal: Journal): Promise<void> {
  await stage(folder, JOURNAL, save, chunk(JSON.stringify(journal)));
  await syncFolder(folder);
}

/**
 * Finishes saves that were killed after their commit: what they staged beside the weights, such as config.json, takes its
 * place. `openCheckpoint` does this first; whoever reads such a file before opening the checkpoint calls it first. (Node
 * only. Without it a save killed in that moment, a few renames long, shows the new weights beside the old config.json.)
 * @throws SafetensorsWriteError when there is something to finish and the folder cannot be written
 */
export async function finishSave(folder: string | URL): Promise<void> {
  const path = toPath(folder);
  for (const { save } of await journalsIn(path)) {
    const journal = await readJournal(path, save);
    if (journal && (await hasCommitted(path, journal))) await placeFiles(path, save, journal.files);
  }
}

/**
 * Brings a save to its end, forward where it committed and else back, and leaves none of its temporary files.
 * @param committed whether it did, from one who knows
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
  if (isOurs) await remove(index); // in place, but a single file is still there and counts before it
  const inUse = await indexedFiles(folder);
  for (const name of shards) if (!inUse.has(name)) await remove(join(folder, name));
}

/** The files that the index of a folder names. None where there is no index, or one that cannot be read. */
export async function indexedFiles(folder: string): Promise<ReadonlySet<string>> {
  const index = await readIfThere(join(folder, INDEX_FILE), MAX_INDEX_BYTES);
  try {
    return new Set(index && parseIndex(index, INDEX_FILE).values());
  } catch (error) {
    if (error instanceof SafetensorsIndexError) return new Set();
    throw error;
  }
}

/** Settles every save whose process died on the way. */
export async function settleDead(folder: string): Promise<void> {
  const dead = (await listTemporaries(folder)).filter(({ live }) => !live);
  for (const save of new Set(dead.map((temporary) => temporary.save))) await settle(folder, save);
}

/** The single file counts before an index, so an index has committed only once no single file is left. */
async function hasCommitted(folder: string, { commit, stamp }: Journal): Promise<boolean> {
  if ((await stampOf(join(folder, commit))) !== stamp) return false;
  return commit !== INDEX_FILE || (await stampOf(join(folder, SINGLE_FILE))) === undefined;
}

/**
 * Puts the files beside the weights in place: those that are not there yet. Right after the commit, with no wait for the disk in
 * between: readers that know no journal see new weights beside old files for as long as these renames take. (File systems keep
 * their order: what a loss of power leaves is a state in between, which the journal finishes.)
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

/** The journal of a save, or undefined where it has none or did not live to complete it: then it has not committed. */
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

/** A downloaded folder may hold a journal that somebody made up: it gets no say beyond the folder, nor over other files. */
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
