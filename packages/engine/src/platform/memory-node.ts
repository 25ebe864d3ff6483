/** Memory that this process may still use. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { MemoryLimit } from "../engine.js";

/** Version 1 of control groups, whose memory controller is mounted apart, and version 2. */
const VERSIONS = [
  {
    mount: "/sys/fs/cgroup/memory",
    line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cached: /^total_(?:in)?active_file (\d+)$/gm,
  },
  {
    mount: "/sys/fs/cgroup",
    line: /^0::(.*)$/m,
    limit: "memory.max",
    usage: "memory.current",
    cached: /^(?:in)?active_file (\d+)$/gm,
  },
] as const;

/**
 * Returns the memory that is free, or that the system can free at once. In a control group with a limit, cached files count as free,
 * unlike in `process.availableMemory()`, which takes a model in the page cache for used memory.
 * @param root of the file system, for tests
 */
export function availableMemory(root = "/"): MemoryLimit {
  const machine = { bytes: process.availableMemory(), why: "the free memory of this machine" };
  const groups = VERSIONS.flatMap((version) => freeInGroups(root, version));
  if (groups.length === 0) return machine;
  const group = { bytes: Math.min(...groups), why: "the free memory of this container or control group" };
  const free = Number(/^MemAvailable:\s*(\d+) kB$/m.exec(contents(join(root, "proc/meminfo")) ?? "")?.[1]) * 1024;
  return free < group.bytes ? { ...machine, bytes: free } : group;
}

/** Limits from here on are none: version 1 has no word for it. */
const NO_LIMIT = 2 ** 60;

/** Returns what is left of the limit of the process's group, and of those that it is part of; nothing where there is none. */
function freeInGroups(root: string, version: (typeof VERSIONS)[number]): number[] {
  const own = version.line.exec(contents(join(root, "proc/self/cgroup")) ?? "")?.[1];
  if (own === undefined) return [];
  const free: number[] = [];
  // A container sees its own group as the root, whatever the path.
  for (let path = own; ; path = dirname(path)) {
    const folder = join(root, version.mount, path);
    const [limit, usage] = [version.limit, version.usage].map((name) => Number(contents(join(folder, name)) ?? NaN));
    if (limit! < NO_LIMIT && Number.isFinite(usage))
      free.push(Math.max(0, limit! - usage! + cachedIn(folder, version)));
    if (path === dirname(path)) return free;
  }
}

function cachedIn(folder: string, { cached }: (typeof VERSIONS)[number]): number {
  const stat = contents(join(folder, "memory.stat")) ?? "";
  return [...stat.matchAll(cached)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

function contents(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Another system, or another version of control groups.
    return undefined;
  }
}
