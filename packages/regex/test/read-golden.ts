import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A golden file of tools/reference/regex_golden.py. */
export function readGolden<T>(name: string): T {
  const path = new URL(`__fixtures__/${name}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString()) as T;
}
