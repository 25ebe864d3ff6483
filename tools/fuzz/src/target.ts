import { readFileSync } from "node:fs";
import type { Random } from "./random.js";

/** The files of one input. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

/** Something that reads files, made ready in a worker. */
export interface Reader {
  /** The files that follow from random numbers. */
  make(random: Random): Files;
  /** Reads them, and uses what was read. Throws what the package throws. */
  read(files: Files): Promise<void>;
}

/** A row of the table. */
export interface Target {
  readonly name: string;
  prepare(): Promise<Reader>;
}

const ROOT = new URL("../../../", import.meta.url);

/** A file of the repository, as bytes. */
export function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, ROOT)));
}

/** A file of the repository, as text. */
export function textOf(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** The same as a checkpoint in memory. */
export function asBytes(files: Files): Map<string, Uint8Array> {
  return new Map(
    [...files].map(([name, content]) => [name, typeof content === "string" ? encoder.encode(content) : content]),
  );
}

const encoder = new TextEncoder();
