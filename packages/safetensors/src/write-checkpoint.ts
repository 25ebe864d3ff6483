import { checkOptions, type OptionNames } from "@mixtape/errors";
import { join, listFolder, readIfThere, remove, stampOf, syncFolder, toPath } from "#files";
import { SafetensorsError } from "./errors.js";
import { lockFolder } from "./folder-lock.js";
import { formatIndex, INDEX_FILE, isPlainFileName, SINGLE_FILE } from "./index-file.js";
import { indexedFiles, type Journal, placeFiles, settle, settleDead, stageJournal } from "./journal.js";
import { chunksOf, layOut, sizeOf, type TensorToWrite } from "./layout.js";
import { quote } from "./scan-json.js";
import { beginSave, endSave, place, stage, temporaryPath } from "./staging.js";

/** Options of {@link writeCheckpoint}. */
export interface WriteCheckpointOptions {
  /** Maximum bytes of tensors in one file; a larger tensor gets a file of its own. Default: 5e9. */
  readonly maxShardBytes?: number;
  /**
   * Name of one file for all tensors, regardless of size, such as `adapter_model.safetensors`. Other weights in the
   * folder stay. By default, the tensors are the folder's checkpoint, and replace an existing one.
   */
  readonly file?: string;
  /** Text map of every header. Default: `{ format: "pt" }`, which transformers requires. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Side files of the weights, such as config.json: name to content. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

const LOCK = ".save.lock";

const OPTIONS: OptionNames<WriteCheckpointOptions> = { maxShardBytes: true, file: true, metadata: true, files: true };

/**
 * Writes a checkpoint into a folder, which is created if it does not exist: `model.safetensors`, or shards of at most
 * `maxShardBytes` and `model.safetensors.index.json`, or one `file` of another name. Only one tensor is in memory at a
 * time. (Node only.)
 *
 * A process that dies leaves either the old checkpoint or the new one. Everything is staged under temporary names; then
 * one step commits: the single file or the index is placed, or, if shards replace a single file (which takes precedence
 * over an index), that file is deleted. `files` are placed right after; if the process dies in between, {@link
 * finishSave} (and so `openCheckpoint` and `readSideFile`) or the next save completes that. Then the old weights are
 * deleted. Tensors may therefore be read from the checkpoint that is being replaced. A folder takes one save at a time:
 * a second one, of this process or another, is refused.
 *
 * A failed save removes any folder that it created.
 *
 * @throws OptionError for an unknown option
 * @throws SafetensorsError for tensors or files that a checkpoint cannot hold
 * @throws SafetensorsInUseError if another save into the folder is in progress
 * @throws SafetensorsWriteError if the system refuses
 */
export async function writeCheckpoint(
  folder: string | URL,
  tensors: Iterable<TensorToWrite>,
  options: WriteCheckpointOptions = {},
): Promise<void> {
  checkOptions("writeCheckpoint", options, OPTIONS);
  const { maxShardBytes = 5e9, file, metadata = { format: "pt" }, files = {} } = options;
  const path = toPath(folder);
  if (file !== undefined) checkName(file);
  checkFiles(files);
  const parts = file === undefined ? split([...tensors], maxShardBytes) : [[...tensors]];
  const shards = parts.map((shard) => layOut(shard, metadata));

  const lock = await lockFolder(path, LOCK);
  const save = beginSave();
  try {
    await settleDead(path);
    const present = await listFolder(path);
    const names = shards.length === 1 ? [file ?? SINGLE_FILE] : freeShardNames(shards.length, present);
    for (const [i, shard] of shards.entries()) await stage(path, names[i]!, save, chunksOf(shard));
    if (file !== undefined) await commitFile(path, save, { name: file, stale: [] }, files);
    else if (shards.length === 1) {
      const stale = [...(await weightsIn(path, present)), INDEX_FILE].filter((name) => name !== SINGLE_FILE);
      await commitFile(path, save, { name: SINGLE_FILE, stale }, files);
    } else {
      const shardOf = new Map(
        shards.flatMap((shard, i) => shard.tensors.map(({ name }) => [name, names[i]!] as const)),
      );
      const totalBytes = shards.reduce((sum, shard) => sum + shard.totalBytes - shard.head.length, 0);
      await stage(path, INDEX_FILE, save, chunk(formatIndex(shardOf, { total_size: totalBytes })));
      await commitShards(path, save, names, files, present);
    }
    await settle(path, save, true);
  } catch (error) {
    await settle(path, save).catch(() => undefined); // the next save tries again; the error that matters is the first
    await lock.release().catch(() => undefined);
    throw error;
  } finally {
    endSave(save);
    await lock.release();
  }
}

type Files = Readonly<Record<string, string | Uint8Array>>;

async function commitFile(
  path: string,
  save: string,
  { name, stale }: { readonly name: string; readonly stale: readonly string[] },
  files: Files,
): Promise<void> {
  const changed = await writeJournal(path, save, { commit: name, shards: [], stale }, files);
  await place(path, name, save); // the commit
  await placeFiles(path, save, changed);
}

async function commitShards(
  path: string,
  save: string,
  shards: readonly string[],
  files: Files,
  present: readonly string[],
): Promise<void> {
  const stale = (await weightsIn(path, present)).filter((name) => !shards.includes(name));
  const changed = await writeJournal(path, save, { commit: INDEX_FILE, shards, stale }, files);
  for (const name of shards) await place(path, name, save);
  await syncFolder(path);
  await place(path, INDEX_FILE, save); // the commit, unless a single file exists
  if (present.includes(SINGLE_FILE)) {
    await syncFolder(path);
    await remove(join(path, SINGLE_FILE)); // the commit, since one is
  }
  await placeFiles(path, save, changed);
}

async function writeJournal(
  path: string,
  save: string,
  journal: Pick<Journal, "commit" | "shards" | "stale">,
  files: Files,
): Promise<readonly string[]> {
  const changed: string[] = [];
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    if (await holds(join(path, name), bytes)) continue;
    await stage(path, name, save, chunk(bytes));
    changed.push(name);
  }
  const stamp = await stampOf(temporaryPath(path, journal.commit, save));
  await stageJournal(path, save, { ...journal, stamp: String(stamp), files: changed });
  return changed;
}

/** Fills shards in order, as transformers does. */
function split(tensors: readonly TensorToWrite[], maxShardBytes: number): TensorToWrite[][] {
  if (!(maxShardBytes > 0)) {
    throw new SafetensorsError({ where: "maxShardBytes", expected: "a number above 0", got: String(maxShardBytes) });
  }
  const names = new Set<string>();
  const shards: TensorToWrite[][] = [];
  let shard: TensorToWrite[] = [];
  let filled = 0;
  for (const tensor of tensors) {
    if (names.has(tensor.name)) {
      throw new SafetensorsError({
        where: `tensor ${quote(tensor.name)}`,
        expected: "a unique name",
        got: "the name of another tensor",
      });
    }
    names.add(tensor.name);
    const size = sizeOf(tensor);
    if (size > maxShardBytes) {
      shards.push([tensor]);
      continue;
    }
    if (filled + size > maxShardBytes) {
      shards.push(shard);
      shard = [];
      filled = 0;
    }
    shard.push(tensor);
    filled += size;
  }
  if (shard.length > 0 || shards.length === 0) shards.push(shard);
  return shards;
}

const SHARD = /^model(?:-r\d+)?-\d{5,}-of-\d{5,}\.safetensors$/;

/** Returns names for shards that no file has yet: those of the old checkpoint must exist until the commit. */
function freeShardNames(count: number, present: readonly string[]): string[] {
  const taken = new Set(present);
  for (let revision = 1; ; revision++) {
    const prefix = revision === 1 ? "model" : `model-r${revision}`;
    const of = String(count).padStart(5, "0");
    const names = Array.from(
      { length: count },
      (_, i) => `${prefix}-${String(i + 1).padStart(5, "0")}-of-${of}.safetensors`,
    );
    if (!names.some((name) => taken.has(name))) return names;
  }
}

/** Lists the weight files of the current checkpoint: all files in its index, and all files named like shards. */
async function weightsIn(path: string, present: readonly string[]): Promise<string[]> {
  const indexed = [...(await indexedFiles(path))].filter((name) => name.endsWith(".safetensors"));
  return [...new Set([...indexed, ...present.filter((name) => SHARD.test(name))])];
}

function checkName(file: string): void {
  if (isPlainFileName(file) && file.endsWith(".safetensors")) return;
  throw new SafetensorsError({
    where: "file",
    expected: "a plain file name that ends in .safetensors",
    got: quote(file),
  });
}

function checkFiles(files: Files): void {
  for (const name of Object.keys(files)) {
    if (!isPlainFileName(name) || name === INDEX_FILE || name.endsWith(".safetensors")) {
      throw new SafetensorsError({
        where: `files: ${quote(name)}`,
        expected: "a plain file name, and not one of weights",
        got: quote(name),
      });
    }
  }
}

async function holds(path: string, bytes: Uint8Array): Promise<boolean> {
  const there = await readIfThere(path, bytes.length);
  return there?.length === bytes.length && bytes.every((byte, i) => there[i] === byte);
}

async function* chunk(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield typeof content === "string" ? new TextEncoder().encode(content) : content;
}
