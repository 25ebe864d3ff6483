import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { mutateJson } from "../src/mutate-json.js";
import { outcomeOf } from "../src/outcome.js";
import { Random } from "../src/random.js";
import { Table } from "../src/table.js";
import type { Files, Reader } from "../src/target.js";
import { TARGETS } from "../src/targets/index.js";

const COUNT = 5;

test.each(TARGETS.map(([target]) => target))("$name: an input follows from seed and index", async (target) => {
  const reader = await target.prepare();
  const made = (seed: number): string[] =>
    Array.from({ length: COUNT }, (_, index) => digest(reader.make(new Random(seed, index))));
  expect(made(3)).toEqual(made(3));
  expect(made(4)).not.toEqual(made(3));
});

test.each(TARGETS.map(([target]) => target))(
  "$name: what reads the inputs gets past its first checks",
  async (target) => {
    const reader = await target.prepare();
    let read = 0;
    for (let index = 0; index < 24; index++) if ((await outcomeOf(reader, 5, index)).kind === "read") read++;
    expect(read).toBeGreaterThanOrEqual(2);
  },
);

function digest(files: Files): string {
  const hash = createHash("sha256");
  for (const [name, content] of files) hash.update(name).update(content);
  return hash.digest("hex");
}

test("JSON is changed in what it says, and is JSON for the most part", () => {
  const source = JSON.stringify({ a: [1, 2, { b: "text" }], c: true, d: { type: "one" }, e: [{ type: "two" }, 0.5] });
  const texts = Array.from({ length: 500 }, (_, i) => mutateJson(source, new Random(1, i)));
  const valid = texts.filter((text) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  });
  expect(valid.length).toBeGreaterThan(350);
  expect(new Set(texts).size).toBeGreaterThan(300);
  expect(texts.some((text) => text.includes("__proto__"))).toBe(true);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test("an error that is not typed, and a crash, fail the run with the command that repeats them", async () => {
  const reader: Reader = {
    make: () => new Map(),
    read: () => Promise.reject(new RangeError("Maximum call stack size exceeded")),
  };
  const table = new Table();
  table.add("templates", 7, await outcomeOf(reader, 1, 7));
  table.add("templates", 8, { kind: "crash", what: "SIGSEGV" });
  table.add("templates", 9, { kind: "refused", what: "TokenizerError" });
  expect(table.failed).toBe(true);
  expect(`${table}`).toContain("| templates | 3 | 0 | 1 | 1 | 0 | 1 |");
  expect(table.failures(1)).toContain('npm run fuzz -- --only "templates" --seed 1 --index 7');
});
