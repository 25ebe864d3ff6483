import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { availableMemory } from "../src/platform/memory-node.js";

const folder = mkdtempSync(join(tmpdir(), "mixtape-memory-"));
afterAll(() => rmSync(folder, { recursive: true }));

const GB = 1e9;
const CONTAINER = "the free memory of this container or control group";
const MACHINE = "the free memory of this machine";

let count = 0;
/** Writes the files of a system, and returns its root. */
function system(files: Readonly<Record<string, string | number>>): string {
  const root = join(folder, `${count++}`);
  for (const [path, text] of Object.entries({ "proc/meminfo": "MemAvailable: 20000000 kB\n", ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  return root;
}

test("without control groups it is what Node says", () => {
  // It changes from one call to the next.
  const said = vi.spyOn(process, "availableMemory").mockReturnValue(5 * GB);
  expect(availableMemory(system({}))).toEqual({ bytes: 5 * GB, why: MACHINE });
  said.mockRestore();
});

test("in version 2, cached files of the group count as free", () => {
  const group = "sys/fs/cgroup/a/b";
  const root = system({
    "proc/self/cgroup": "0::/a/b",
    [`${group}/memory.max`]: 9 * GB,
    [`${group}/memory.current`]: 8 * GB,
    [`${group}/memory.stat`]: "anon 1000000000\ninactive_file 3000000000\nactive_file 4000000000\nfile_mapped 7",
    "sys/fs/cgroup/a/memory.max": "max",
    "sys/fs/cgroup/a/memory.current": 10 * GB,
  });
  expect(availableMemory(root)).toEqual({ bytes: 8 * GB, why: CONTAINER });
});

test("in version 1, the tightest of the groups counts, and no limit is none", () => {
  const memory = "sys/fs/cgroup/memory";
  const root = system({
    "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/x/y\n0::/",
    [`${memory}/x/y/memory.limit_in_bytes`]: 9223372036854771712n.toString(),
    [`${memory}/x/y/memory.usage_in_bytes`]: GB,
    [`${memory}/x/memory.limit_in_bytes`]: 4 * GB,
    [`${memory}/x/memory.usage_in_bytes`]: 2 * GB,
    [`${memory}/x/memory.stat`]: "inactive_file 5\ntotal_inactive_file 500000000\ntotal_active_file 250000000",
  });
  expect(availableMemory(root)).toEqual({ bytes: 2.75 * GB, why: CONTAINER });
});

test("a limit above what the machine has free limits nothing", () => {
  const root = system({
    "proc/self/cgroup": "0::/",
    "sys/fs/cgroup/memory.max": 64 * GB,
    "sys/fs/cgroup/memory.current": GB,
  });
  expect(availableMemory(root)).toEqual({ bytes: 20_480_000_000, why: MACHINE });
});
