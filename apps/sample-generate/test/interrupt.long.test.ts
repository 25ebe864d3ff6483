import { setTimeout as sleep } from "node:timers/promises";
import { Interrupt } from "@mixtape/command-line";
import { describe, expect, test } from "vitest";
import { type Ended, golden, run, SAMPLE, STACK } from "./command.js";

/** Writes until something stops it: its rotary positions have no end. */
const ENDLESS = [
  "generate",
  "--model",
  golden("afmoe/rope-dynamic"),
  "--prompt-ids",
  "5",
  "--max-new-tokens",
  "1000000",
];

describe.concurrent("Ctrl-C", () => {
  test("ends the text where it is, with a summary", async () => {
    const args = ["generate", "--model", SAMPLE, "--prompt", "It was", "--ignore-eos", "--max-new-tokens", "1000"];
    const { code, stdout, stderr } = await run(args, {
      watch: (child) => child.stdout!.once("data", () => child.kill("SIGINT")),
    });
    expect(code).toBe(130);
    expect(stdout.trim()).not.toBe("");
    expect(stderr).toMatch(/\n {2}decode +\d+ tokens?, .*, ended by Ctrl-C\n/);
    expect(stderr).not.toMatch(STACK);
  });

  test("with --json gives the object with what there is", async () => {
    // Nothing is shown before the object, so it is a matter of time when the writing has begun.
    const interrupted = (ms: number): Promise<Ended> =>
      run([...ENDLESS, "--json", "--seed", "1"], {
        watch: (child) => child.stderr!.once("data", () => void sleep(ms).then(() => child.kill("SIGINT"))),
      });
    let ended = await interrupted(1000);
    for (let ms = 2000; ended.stdout === "" && ms < 20_000; ms *= 2) ended = await interrupted(ms);
    expect(ended.code).toBe(130);
    const result = JSON.parse(ended.stdout) as { ids: number[]; finishReason: string };
    expect(result.finishReason).toBe("interrupted");
    expect(result.ids.length).toBeGreaterThan(0);
    expect(ended.stderr).not.toMatch(STACK);
  });

  test("while loading ends it too", async () => {
    // The note comes before loading begins.
    const args = [
      "generate",
      "--model",
      SAMPLE,
      "--prompt",
      "It was",
      "--ignore-eos",
      "--max-new-tokens",
      "1000",
      "--seed",
      "1",
    ];
    const { code, stderr } = await run(args, {
      watch: (child) => child.stderr!.once("data", () => child.kill("SIGINT")),
    });
    expect(code).toBe(130);
    expect(stderr).toMatch(/\nInterrupted\.\n$|ended by Ctrl-C/);
    expect(stderr).not.toMatch(STACK);
  });

  test("is noticed once: the second one is the system's", () => {
    const others = process.listenerCount("SIGINT");
    {
      using interrupt = new Interrupt();
      expect(process.listenerCount("SIGINT")).toBe(others + 1);
      expect(interrupt.came).toBe(false);
      process.emit("SIGINT");
      expect(interrupt.came).toBe(true);
      expect(interrupt.signal.aborted).toBe(true);
      expect(process.listenerCount("SIGINT")).toBe(others);
    }
    {
      using _ = new Interrupt();
    }
    expect(process.listenerCount("SIGINT")).toBe(others);
  });
});

test.concurrent("a reader that has read enough ends it without a word", async () => {
  const { code, stderr } = await run(ENDLESS, {
    watch: (child) => child.stdout!.once("data", () => child.stdout!.destroy()),
  });
  expect(code).toBe(0);
  expect(stderr).toBe("[5]\n");
});
