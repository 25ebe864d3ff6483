import { checkOptions, type OptionNames } from "@mixtape/errors";
import type { ByteSource } from "./byte-source.js";
import { SafetensorsIndexError, SafetensorsNotFoundError } from "./errors.js";
import { FETCH_OPTIONS, type FetchOptions } from "./fetch-options.js";
import { type CheckpointSource, explainSource, type Folder, folderOf, isCheckpoint, orMissing } from "./folder.js";
import { GuardedSource } from "./guarded-source.js";
import { INDEX_FILE, MAX_INDEX_BYTES, parseIndex, SINGLE_FILE } from "./index-file.js";
import { noSuchTensor, openSafetensors } from "./open.js";
import { quote } from "./scan-json.js";
import type { TensorSource, TensorView } from "./tensor-view.js";

/** Options of {@link openCheckpoint}. */
export interface OpenCheckpointOptions extends FetchOptions {
  /** Name of the one file with all tensors, such as `adapter_model.safetensors`, if it has a non-standard name. */
  readonly file?: string;
}

const OPTIONS: OptionNames<OpenCheckpointOptions> = { ...FETCH_OPTIONS, file: true };

/**
 * Opens a checkpoint: `model.safetensors`, or else `model.safetensors.index.json` and the shards that it names. If both
 * exist, the single file is used, as in transformers. As there, the index names the shards, and the shards' headers
 * name the tensors; if several shards contain a tensor, the last one in the order of file names is used.
 *
 * A save that was killed between its commit and its last step is finished first, see {@link finishSave}.
 *
 * @param source a folder (Node), the `http(s):` or `file:` URL of one, a map of file names to contents, or a {@link
 *   Checkpoint}, whose tensors are opened
 * @throws OptionError for an unknown option
 * @throws SafetensorsNotFoundError if neither file exists, or not the requested one
 * @throws SafetensorsIndexError for an invalid index, or one that names missing shards
 * @throws as {@link openSafetensors} for the files themselves
 */
export async function openCheckpoint(
  source: CheckpointSource,
  options: OpenCheckpointOptions = {},
): Promise<TensorSource> {
  checkOptions("openCheckpoint", options, OPTIONS);
  const { file, ...fetching } = options;
  if (isCheckpoint(source)) return source.openTensors();
  const folder = await folderOf(source, fetching);
  if (file !== undefined) return openSafetensors(await folder.open(file));
  const single = await orMissing(folder.open(SINGLE_FILE));
  if (!(single instanceof SafetensorsNotFoundError)) return openSafetensors(single);
  const index = await orMissing(folder.open(INDEX_FILE, MAX_INDEX_BYTES));
  if (!(index instanceof SafetensorsNotFoundError))
    return openShards(folder, await readIndex(index, folder.nameOf(INDEX_FILE)));
  const fix = index.fix ?? (await explainDangling(folder)) ?? (await explainSource(source));
  throw new SafetensorsNotFoundError({
    where: folder.name,
    expected: `${SINGLE_FILE} or ${INDEX_FILE}`,
    got: index.got === "HTTP 403" ? "HTTP 403" : "neither",
    ...(fix && { fix }),
  });
}

/** Finds a broken symbolic link, as in a copy of the Hub's cache without its blobs. */
async function explainDangling(folder: Folder): Promise<string | undefined> {
  const names = await folder.list().catch(() => undefined);
  const dangling = names?.find((name) => name === SINGLE_FILE || name === INDEX_FILE);
  return dangling && `${dangling} is a link to a file that does not exist: download it again`;
}

async function readIndex(file: ByteSource, where: string): Promise<Map<string, string>> {
  const source = new GuardedSource(file);
  try {
    if (source.size > MAX_INDEX_BYTES) {
      throw new SafetensorsIndexError({ where, expected: `at most ${MAX_INDEX_BYTES} bytes`, got: `${source.size}` });
    }
    return parseIndex(await source.read(0, source.size), where);
  } finally {
    await source.close();
  }
}

/** Number of shards to open concurrently. */
const AT_ONCE = 8;

async function openShards(folder: Folder, shardOf: ReadonlyMap<string, string>): Promise<TensorSource> {
  const shards = new Map<string, TensorSource>();
  try {
    const files = [...new Set(shardOf.values())].sort();
    const missing: string[] = [];
    for (let at = 0; at < files.length; at += AT_ONCE) {
      const batch = files.slice(at, at + AT_ONCE);
      const opened = await Promise.allSettled(batch.map(async (file) => openSafetensors(await folder.open(file))));
      for (const [i, result] of opened.entries()) {
        if (result.status === "fulfilled") shards.set(batch[i]!, result.value);
        else if (result.reason instanceof SafetensorsNotFoundError) missing.push(batch[i]!);
      }
      const failed = opened.find(
        (result) => result.status === "rejected" && !(result.reason instanceof SafetensorsNotFoundError),
      );
      if (failed?.status === "rejected") throw failed.reason;
    }
    if (missing.length > 0) throw incomplete(folder, missing);
    return new ShardedCheckpoint(folder.name, shards);
  } catch (error) {
    await closeAll(shards);
    throw error;
  }
}

function incomplete(folder: Folder, missing: readonly string[]): SafetensorsIndexError {
  const some = missing.slice(0, 10).map(quote).join(", ");
  return new SafetensorsIndexError({
    where: folder.nameOf(INDEX_FILE),
    expected: `every shard of the weight_map to exist`,
    got: `${missing.length} missing: ${some}${missing.length > 10 ? ", …" : ""}`,
    fix: "Download the checkpoint again",
  });
}

async function closeAll(shards: ReadonlyMap<string, TensorSource>): Promise<void> {
  await Promise.all([...shards.values()].map((shard) => shard.close()));
}

class ShardedCheckpoint implements TensorSource {
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly #shardOf = new Map<string, TensorSource>();

  constructor(
    private readonly where: string,
    private readonly shards: ReadonlyMap<string, TensorSource>,
  ) {
    for (const shard of shards.values()) for (const name of shard.names) this.#shardOf.set(name, shard);
    this.names = Object.freeze([...this.#shardOf.keys()]);
    const [first, ...others] = [...shards.values()].map(({ metadata }) => metadata);
    const shared = Object.entries(first ?? {}).filter(([key, value]) => others.every((other) => other[key] === value));
    this.metadata = Object.freeze(Object.fromEntries(shared));
  }

  has(name: string): boolean {
    return this.#shardOf.has(name);
  }

  tensor(name: string): TensorView {
    const shard = this.#shardOf.get(name);
    if (!shard) throw noSuchTensor(this.where, name, this.names);
    return shard.tensor(name);
  }

  close(): Promise<void> {
    return closeAll(this.shards);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
