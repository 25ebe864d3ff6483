import { type GgufFile, openGguf } from "@mixtape/gguf";
import type { CheckpointSource, FetchOptions } from "@mixtape/safetensors";

/** Opens the GGUF file that a source is, or the files of a split one; returns every other source as it is. */
export async function openSource(source: CheckpointSource, options: FetchOptions = {}): Promise<CheckpointSource> {
  if (typeof source === "string" || source instanceof URL) {
    return isGguf(withoutQuery(source)) ? openGguf(source, options) : source;
  }
  if (!(source instanceof Map) || source.size === 0 || ![...source.keys()].every(isGguf)) return source;
  return openGguf([...source].map(named), options);
}

/** Gives the contents of a file its name in the map, for errors. */
function named([name, content]: readonly [string, Blob | ArrayBuffer | Uint8Array | URL]): GgufFile {
  if (content instanceof URL) return content;
  if (content instanceof Blob) return new File([content], name);
  const bytes = new Uint8Array(content instanceof ArrayBuffer ? content : content.buffer, ...rangeOf(content));
  return { name, size: bytes.length, read: async (offset, length) => bytes.slice(offset, offset + length) };
}

function rangeOf(content: ArrayBuffer | Uint8Array): [offset: number, length: number] {
  return ArrayBuffer.isView(content) ? [content.byteOffset, content.byteLength] : [0, content.byteLength];
}

function isGguf(name: string): boolean {
  return /\.gguf$/i.test(name);
}

function withoutQuery(source: string | URL): string {
  return source instanceof URL || /^https?:/i.test(source) ? new URL(source).pathname : source;
}
