import { readFileSync } from "node:fs";
import type { Random } from "./random.js";

/** The files of one input. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

/** A prepared file reader in a worker. */
export interface Reader {
  /** Generates files from random numbers. */
  make(random: Random): Files;
  /** Reads and uses them. Throws the package's errors. */
  read(files: Files): Promise<void>;
}

/** A row of the table. */
export interface Target {
  readonly name: string;
  prepare(): Promise<Reader>;
}

const ROOT = new URL("../../../", import.meta.url);

/** Reads a file of the repository as bytes. */
export function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, ROOT)));
}

/** Reads a file of the repository as text. */
export function textOf(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** Converts to a checkpoint in memory. */
export function asBytes(files: Files): Map<string, Uint8Array> {
  return new Map(
    [...files].map(([name, content]) => [name, typeof content === "string" ? encoder.encode(content) : content]),
  );
}

const encoder = new TextEncoder();
