/** Tiny models in GGUF, and what transformers makes of their dequantised weights (tools/reference/gguf_models.py). */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { LoadWarning } from "../src/index.js";

export const folder = fileURLToPath(new URL("__fixtures__/gguf", import.meta.url));

export interface Golden {
  /** Token ids of llama.cpp for {@link TEXT}. */
  readonly ids: number[];
  /** Logits of the last positions. */
  readonly logits: number[][];
  readonly greedy: number[];
}

export const TEXT = "The quick brown fox, 1984: naïve";

/** By file; of a split one, its first part. */
export const goldens: readonly (readonly [file: string, golden: Golden])[] = readdirSync(folder)
  .filter((name) => name.endsWith(".json.gz"))
  .flatMap((name) => Object.entries(JSON.parse(gunzipSync(readFileSync(`${folder}/${name}`)).toString())))
  .map(([file, golden]) => [file, golden as Golden]);

/** Refuses all warnings but that of decoding. */
export function fail(warning: LoadWarning | string): void {
  if (typeof warning === "string" || warning.kind !== "decoded-weights") throw new Error(JSON.stringify(warning));
}
