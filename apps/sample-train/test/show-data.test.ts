/** The output of `--show-data`. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { SAMPLE, sampleTrain, temporaryFolder, write } from "./command.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const folder = temporaryFolder();
const chat = {
  messages: [
    { role: "user", content: "Name a fruit." },
    { role: "assistant", content: "Apple." },
  ],
};
const show = (data: string, ...flags: string[]) =>
  sampleTrain(["--model", SAMPLE, "--data", data, "--show-data", ...flags]);

describe("--show-data", () => {
  test("prints texts with labelled tokens marked, as the README shows, and trains nothing", async () => {
    const data = write(folder, "chats.jsonl", [chat]);
    const { code, stdout, stderr } = await show(data, "3");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const shown = /```text\n(chats\.jsonl: .*?)```/s.exec(readme)![1]!;
    expect(stdout.replace(data, "chats.jsonl").trim()).toBe(shown.trim());
  });

  test("colours where they are asked for, and no control characters of the file's", async () => {
    const data = write(folder, "control.jsonl", [{ prompt: "Name a fruit:", completion: " \u001b[2JApple\r\u0007." }]);
    const { stdout } = await sampleTrain(["--model", SAMPLE, "--data", data, "--show-data", "1"], {
      env: { FORCE_COLOR: "1" },
    });
    expect(stdout).toContain("\u001b[1m\u001b[32m \\u001b[2JApple");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is about them.
    expect(stdout).not.toMatch(/\u001b\[2J|\r|\u0007/);
  });

  test("truncation, odd rows and rows without labels are reported", async () => {
    const long = { prompt: "Name a fruit: ".repeat(20), completion: "Apple." };
    const data = write(folder, "long.jsonl", [chat, long, { messages: chat.messages.slice(0, 1) }]);
    const { code, stdout, stderr } = await show(data, "5", "--max-length", "48");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^.*long\.jsonl: 3 texts in 1 row, /);
    expect(stderr).toMatch(
      /^note: .*long\.jsonl: line 2: the tokens of the prompt alone are not the first tokens of /m,
    );
    expect(stderr).toMatch(/^note: .*long\.jsonl: line 3: no assistant message, so no token is labelled$/m);
    expect(stderr).toMatch(
      /^note: --max-length 48 cuts \d+ tokens off 1 text, \d of them labelled; 1 text without remaining labels is skipped$/m,
    );
  });

  test("objects with --json", async () => {
    const data = write(folder, "json.jsonl", [chat]);
    const { stdout } = await show(data, "1", "--json");
    const { inputIds, labels, parts } = JSON.parse(stdout) as Record<string, unknown[]>;
    expect(labels).toHaveLength(inputIds!.length);
    expect(parts).toEqual([
      { text: "<|im_start|>user\nName a fruit.<|im_end|>\n<|im_start|>assistant\n", isLearnt: false },
      { text: "Apple.<|im_end|>", isLearnt: true },
      { text: "\n", isLearnt: false },
    ]);
  });
});
