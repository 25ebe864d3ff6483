import { openGguf } from "@mixtape/gguf";
import type { CheckpointSource, FetchOptions } from "@mixtape/safetensors";

/** Opens the GGUF file that a source is, or the files of a split one; returns every other source as it is. */
export async function openSource(source: CheckpointSource, options: FetchOptions = {}): Promise<CheckpointSource> {
  if (typeof source === "string" || source instanceof URL) {
    return isGguf(withoutQuery(source)) ? openGguf(source, options) : source;
  }
  if (!(source instanceof Map) || source.size === 0 || ![...source.keys()].every(isGguf)) return source;
  return openGguf([...source.values()], options);
}

function isGguf(name: string): boolean {
  return /\.gguf$/i.test(name);
}

function withoutQuery(source: string | URL): string {
  return source instanceof URL || /^https?:/i.test(source) ? new URL(source).pathname : source;
}
