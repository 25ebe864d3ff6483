/** What the system says of this process: Linux alone. */

import { readdirSync, readFileSync } from "node:fs";

/** How many threads, open files and mappings of a file it has, and its anonymous memory in KiB. */
export function held(/** @type {string} */ mapped) {
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    threads: readdirSync("/proc/self/task").length,
    files: readdirSync("/proc/self/fd").length,
    mappings: readFileSync("/proc/self/maps", "utf8").split(mapped).length - 1,
    anonymous: Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]),
  };
}

/** Of each thread its state (`S` sleeps, `R` runs) and the ticks of processor time that it has had. */
export function threads() {
  return readdirSync("/proc/self/task").map((id) => {
    const [, rest = ""] = readFileSync(`/proc/self/task/${id}/stat`, "utf8").split(") ");
    const fields = rest.split(" ");
    return { id, state: fields[0], ticks: Number(fields[11]) + Number(fields[12]) };
  });
}
