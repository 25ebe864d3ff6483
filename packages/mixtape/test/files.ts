import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CheckpointFiles } from "@mixtape/safetensors";
import { fixture } from "@mixtape/testing";

/** The sample model, with its tokenizer. */
export const SAMPLE = fileURLToPath(new URL("../../../models/sample-afmoe", import.meta.url));

/** A golden checkpoint, such as `mixtral/basic`. */
export function golden(name: string): string {
  return fixture(`models/${name}`);
}

/** The files of a folder by name, as a page has them from `<input type="file">`: blobs. */
export function filesOf(folder: string): Map<string, Blob> {
  return new Map(readdirSync(folder).map((name) => [name, new Blob([readFileSync(join(folder, name))])]));
}

/** A checkpoint that is a published config and nothing else. */
export function configOnly(name: string): CheckpointFiles {
  return new Map([["config.json", readFileSync(fixture(`configs/${name}.json`))]]);
}

/** A golden checkpoint with other values in its config. */
export function withConfig(name: string, changes: Readonly<Record<string, unknown>>): Map<string, Blob | Uint8Array> {
  const json = JSON.parse(readFileSync(join(golden(name), "config.json"), "utf8")) as object;
  const config = new TextEncoder().encode(JSON.stringify({ ...json, ...changes }));
  return new Map<string, Blob | Uint8Array>([...filesOf(golden(name)), ["config.json", config]]);
}
