import { expect, test } from "vitest";
import { memoryOf } from "../src/report/memory.js";
import { parseStatus } from "../src/runners/memory.js";
import type { Task } from "../src/tasks.js";

const STATUS = `Name:\tnode
VmPeak:\t 1000000 kB
VmHWM:\t  100 kB
VmRSS:\t   90 kB
RssAnon:\t   60 kB
RssFile:\t   30 kB
RssShmem:\t    0 kB
`;

test("what Linux says of a process", () => {
  expect(parseStatus(STATUS)).toEqual({ residentBytes: 102_400, mappedBytes: 30_720, anonymousBytes: 61_440 });
  expect(parseStatus("Name:\tnode\nState:\tZ (zombie)\n")).toBeNull();
});

test("medians heat by heat, without runners that nothing is known of", () => {
  const decode: Task = { name: "d", title: "d", promptTokens: 1, newTokens: 2, measures: "decode" };
  const entry = (name: string, known: number[]) => ({
    name,
    description: "",
    peer: false,
    products: null,
    kernels: null,
    profile: null,
    samples: {
      speed: known.map((n) => ({
        loadMs: 1,
        runs: {},
        memory: Number.isNaN(n) ? null : { residentBytes: 3 * n, mappedBytes: 2 * n, anonymousBytes: n },
      })),
    },
  });
  const rows = memoryOf({ entries: [entry("a", [10, 30, 20]), entry("b", [Number.NaN])], tasks: [decode] });
  expect(
    rows.map(({ heat, runner, resident, mapped, anonymous }) => [
      heat,
      runner,
      resident.median,
      mapped.median,
      anonymous.median,
    ]),
  ).toEqual([["all tasks after each other", "a", 60, 40, 20]]);
});
