import { type ByteSource, type FetchOptions, openByteSource, toFloat32 } from "@mixtape/safetensors";
import { shortestFloat32 } from "./architectures/shortest-float32.js";
import { GgufError, GgufFormatError } from "./errors.js";
import { type Header, readHeader } from "./header/read-header.js";
import { ROPE_FACTORS } from "./tensors/checkpoint-tensors.js";

/**
 * A GGUF file: a path (Node), a `file:` or `http(s):` URL, a `Blob` or `File`, bytes in memory, or a custom source that can
 * be read again after it was closed.
 */
export type GgufFile = string | URL | Blob | ArrayBuffer | Uint8Array | ByteSource;

/** A file and its header. */
export interface ReadFile {
  readonly source: GgufFile;
  readonly header: Header;
  readonly size: number;
  /** Values of the tensor with divisors of RoPE frequencies, which the config needs. */
  readonly ropeFactors?: readonly number[];
}

/** `model-00002-of-00003.gguf`. */
const SPLIT_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i;

/** Far above the features of a head. */
const MAX_ROPE_FACTORS = 65_536;

/** The most files of one model; far above any. */
const MAX_FILES = 10_000;

/**
 * Reads the headers of a model's files. Of a split model, any of its files stands for all; those of a browser are given
 * together.
 */
export async function readFiles(sources: readonly GgufFile[], options: FetchOptions): Promise<ReadFile[]> {
  const [first] = sources;
  const all = sources.length === 1 && (typeof first === "string" || first instanceof URL) ? siblingsOf(first) : sources;
  const files: ReadFile[] = [];
  for (const source of all) files.push(await readFile(source, options));
  return inOrder(files);
}

async function readFile(source: GgufFile, options: FetchOptions): Promise<ReadFile> {
  const file: ByteSource = await openByteSource(source, options);
  try {
    const header = await readHeader(file);
    const ropeFactors = await readRopeFactors(header, file);
    return { source, size: file.size, header, ...(ropeFactors && { ropeFactors }) };
  } finally {
    await file.close?.();
  }
}

/** Architectures of which llama.cpp reads the divisors. */
const WITH_ROPE_FACTORS = "llama";

async function readRopeFactors(
  { metadata, tensors }: Header,
  file: ByteSource,
): Promise<readonly number[] | undefined> {
  const info = tensors.find(({ name }) => name === ROPE_FACTORS);
  if (!info || metadata.string("general.architecture") !== WITH_ROPE_FACTORS) return undefined;
  const { type, shape, offset } = info;
  if (type.kind !== "plain" || type.dtype !== "F32" || shape.length !== 1 || shape[0]! > MAX_ROPE_FACTORS)
    throw new GgufFormatError({
      where: `${metadata.where}: tensor ${ROPE_FACTORS}`,
      expected: "one float32 for each rotated pair of features",
      got: `${type.name} [${shape.join(", ")}]`,
    });
  return [...toFloat32(await file.read(offset, 4 * shape[0]!), "F32")].map(shortestFloat32);
}

/** Returns all files of the model that a file belongs to, by their names. */
function siblingsOf(source: string | URL): (string | URL)[] {
  const isUrl = source instanceof URL || /^(https?|file):/i.test(source);
  const url = isUrl ? new URL(source) : undefined;
  const [, prefix, , total] = SPLIT_NAME.exec(url?.pathname ?? String(source)) ?? [];
  const count = Number(total);
  if (prefix === undefined || count < 2) return [source];
  if (count > MAX_FILES)
    throw new GgufError({ where: String(source), expected: `at most ${MAX_FILES} files`, got: `${count}` });
  return Array.from({ length: count }, (_, i) => {
    const path = `${prefix}-${String(i + 1).padStart(5, "0")}-of-${total}.gguf`;
    if (!url) return path;
    const sibling = new URL(url);
    sibling.pathname = path;
    return sibling;
  });
}

/** Sorts the files of a split model, and checks that they are all there. */
function inOrder(files: readonly ReadFile[]): ReadFile[] {
  const numberOf = ({ header }: ReadFile): number => header.metadata.count("split.no") ?? 0;
  const sorted = files.toSorted((a, b) => numberOf(a) - numberOf(b));
  const [first] = sorted;
  const count = first!.header.metadata.count("split.count") ?? 0;
  const where = first!.header.metadata.where;
  const fix = "A split model is opened by the path or URL of one of its files, or by all of them: [file1, file2, …]";
  const numbers = sorted.map(numberOf);
  if (sorted.length !== Math.max(1, count) || numbers.some((number, i) => number !== i))
    throw new GgufFormatError({
      where,
      expected: count > 1 ? `all ${count} files of the model` : "one file",
      got: `${sorted.length}: ${numbers.map((number) => number + 1).join(", ")}`,
      fix,
    });
  const tensors = sorted.reduce((sum, { header }) => sum + header.tensors.length, 0);
  const expected = first!.header.metadata.count("split.tensors.count");
  if (count > 1 && expected !== undefined && expected !== tensors)
    throw new GgufFormatError({ where, expected: `${expected} tensors in all files`, got: `${tensors}` });
  return sorted;
}
