import { refuseByteOrderMark } from "@mixtape/errors";
import { SafetensorsIndexError } from "./errors.js";
import { compareUtf8 } from "./layout.js";
import { cut, MAX_TENSORS, quote, scanJson } from "./scan-json.js";

/** Hugging Face's names of a checkpoint's files. */
export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/** Longest index that is read, in bytes: the same as the limit of a header. */
export const MAX_INDEX_BYTES = 100_000_000;

/** Far above any checkpoint, and few enough to open. */
const MAX_SHARDS = 10_000;

/**
 * Reads the index of a sharded checkpoint.
 * @returns the shard of each tensor: tensor name to file name
 * @throws SafetensorsIndexError for anything but valid JSON with unique keys and a `weight_map` to plain file names: an
 *   index cannot point outside its folder.
 */
export function parseIndex(bytes: Uint8Array, where: string): Map<string, string> {
  const index = parseJson(bytes, where);
  const weightMap = typeof index === "object" && index !== null && "weight_map" in index ? index.weight_map : undefined;
  if (typeof weightMap !== "object" || weightMap === null || Array.isArray(weightMap)) {
    throw new SafetensorsIndexError({
      where,
      expected: "a weight_map from tensor names to file names",
      got: cut(`${JSON.stringify(weightMap)}`),
    });
  }
  const shards = new Map<string, string>();
  // With half a million keys, `Object.entries` would take longer than everything else.
  for (const tensor of Object.keys(weightMap)) {
    const file = (weightMap as Readonly<Record<string, unknown>>)[tensor];
    if (typeof file !== "string" || !isPlainFileName(file.replace(/^\.\//, ""))) {
      throw new SafetensorsIndexError({
        where: `${where}: weight_map of ${quote(tensor)}`,
        expected: "the name of a file in the same folder",
        got: typeof file === "string" ? quote(file) : cut(`${JSON.stringify(file)}`),
      });
    }
    shards.set(tensor, file.replace(/^\.\//, ""));
  }
  const count = new Set(shards.values()).size;
  if (count > MAX_SHARDS) {
    throw new SafetensorsIndexError({ where, expected: `at most ${MAX_SHARDS} files`, got: `${count}` });
  }
  return shards;
}

/** Formats an index as transformers does: indented, keys sorted. */
export function formatIndex(shards: ReadonlyMap<string, string>, totals: Readonly<Record<string, number>>): string {
  const weightMap = Object.fromEntries([...shards].sort(([a], [b]) => compareUtf8(a, b)));
  return `${JSON.stringify({ metadata: totals, weight_map: weightMap }, null, 2)}\n`;
}

/** Whether `name` stays in its folder on every system: no separator, no drive or stream, no `.` or `..`. */
export function isPlainFileName(name: unknown): name is string {
  return typeof name === "string" && /^[^/\\:\0]+$/.test(name) && name !== "." && name !== "..";
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  const expected = "valid JSON in UTF-8, its keys unique";
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    refuseByteOrderMark(text);
    const fault = scanJson(text, { maxDepth: 64, naturalsOnly: false, maxKeys: MAX_TENSORS });
    if (fault) throw new SafetensorsIndexError({ where, expected, got: fault });
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SafetensorsIndexError) throw cause;
    throw new SafetensorsIndexError({
      where,
      expected,
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
