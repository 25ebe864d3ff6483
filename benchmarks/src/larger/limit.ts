/** A limit of memory for a process, which the page cache of the files that it reads counts towards: a control group of Linux. */

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../runners/child.js";

/** Version 1 of control groups, with a controller mounted apart; and version 2. */
const PLACES = [
  { root: "/sys/fs/cgroup/memory", file: "memory.limit_in_bytes" },
  { root: "/sys/fs/cgroup", file: "memory.max" },
] as const;

/** A group of processes that together have so much memory. Dispose it once they have ended. */
export class MemoryLimit {
  readonly #folder: string;

  /** @throws {Error} if the system has no such groups, or this user may not make any */
  constructor(bytes: number) {
    const place = PLACES.find(({ root }) => existsSync(join(root, "cgroup.procs")) && isMemory(root));
    if (!place)
      throw new Error(`expected control groups for memory in ${PLACES.map(({ root }) => root).join(" or ")}, got none`);
    this.#folder = join(place.root, `mixtape-bench-${process.pid}`);
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, place.file), `${bytes}`);
  }

  /** Returns a command that runs in the group. */
  command({ file, args, env }: Command): Command {
    const join_ = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    return { file: "sh", args: ["-c", join_, this.#folder, file, ...args], ...(env && { env }) };
  }

  [Symbol.dispose](): void {
    rmdirSync(this.#folder);
  }
}

function isMemory(root: string): boolean {
  const controllers = join(root, "cgroup.controllers");
  return (
    existsSync(join(root, "memory.limit_in_bytes")) ||
    (existsSync(controllers) && readFileSync(controllers, "utf8").includes("memory"))
  );
}
