import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "@mixtape/tokenizer";
import { describe, expect, test } from "vitest";
import { RowWriter } from "../src/text/row-writer.js";
import { tokenBytes } from "../src/text/token-bytes.js";
import { letters } from "./scripted-model.js";

interface Case {
  readonly ids: number[];
  /** How many of the ids are the prompt. */
  readonly prompt: number;
  readonly stops: string[];
  /** With which new token transformers stops; null for never. */
  readonly new: number | null;
}

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const golden = JSON.parse(readFileSync(pathOf("./__fixtures__/stop-strings.json"), "utf8")) as Record<string, Case[]>;
const folderOf = (name: string): string =>
  pathOf(name === "sample-afmoe" ? "../../../models/sample-afmoe" : `../../tokenizer/test/__fixtures__/${name}`);

/** What a row writer shows of new tokens, piece by piece, and with which of them it stops. */
function write(
  tokenizer: Tokenizer,
  promptIds: readonly number[],
  newIds: readonly number[],
  stops: readonly string[],
) {
  const writer = new RowWriter(tokenizer, tokenBytes(tokenizer), stops, promptIds);
  const pieces: string[] = [];
  for (const [i, id] of newIds.entries()) {
    const stopped = writer.push(id) !== undefined;
    pieces.push(writer.take(stopped || i === newIds.length - 1));
    if (stopped) return { pieces, text: pieces.join(""), stoppedAt: i + 1 };
  }
  return { pieces, text: pieces.join(""), stoppedAt: null };
}

describe.each(Object.entries(golden))("ids end where transformers ends them: %s", (name, cases) => {
  test.each(cases.map((one, i) => [i, one] as const))("case %d", async (_, { ids, prompt, stops, new: wanted }) => {
    const tokenizer = await Tokenizer.fromFolder(folderOf(name));
    const newIds = ids.slice(prompt);
    const { text, stoppedAt } = write(tokenizer, ids.slice(0, prompt), newIds, stops);
    expect(stoppedAt).toBe(wanted);
    // The text is a beginning of what the tokens say without special ones; all of it where nothing stopped them.
    const whole = tokenizer.decode(newIds.slice(0, wanted ?? newIds.length), { skipSpecialTokens: true });
    expect(whole.startsWith(text)).toBe(true);
    if (wanted === null) expect(text).toBe(whole);
  });
});

test("there are cases of both kinds", () => {
  const all = Object.values(golden).flat();
  expect(all.filter((one) => one.new === null).length).toBeGreaterThan(10);
  expect(all.filter((one) => one.new !== null).length).toBeGreaterThan(50);
});

describe("the text", () => {
  const tokenizer = letters();
  const ids = (text: string): number[] => tokenizer.encode(text);
  const EOS = 15;

  test("ends before a special token whose name is the stop string", () => {
    expect(write(tokenizer, [0], [...ids("lemon"), EOS, ...ids("go")], ["<eos>"])).toMatchObject({
      text: "lemon",
      stoppedAt: 6,
    });
  });

  test("ends before a stop string that goes from text into a special token, or out of one", () => {
    const row = [...ids("lemon"), EOS, ...ids("go")];
    expect(write(tokenizer, [0], row, ["on<eo"])).toMatchObject({ text: "lem", stoppedAt: 6 });
    expect(write(tokenizer, [0], row, ["s>g"])).toMatchObject({ text: "lemon", stoppedAt: 7 });
    expect(write(tokenizer, [0], row, ["mon<eos>go"])).toMatchObject({ text: "le", stoppedAt: 8 });
  });

  test("of tokens on both sides of a special token is no stop string", () => {
    const row = [...ids("le"), EOS, ...ids("mon")];
    expect(write(tokenizer, [0], row, ["lemon"])).toMatchObject({ text: "lemon", stoppedAt: null });
  });

  test("is empty where the stop string begins in the prompt, which by itself stops nothing", () => {
    expect(write(tokenizer, ids("lem"), ids("ono"), ["emo"])).toMatchObject({ text: "", stoppedAt: 1 });
    expect(write(tokenizer, ids("lemon"), ids("go"), ["lemo", "emon"])).toMatchObject({ text: "go", stoppedAt: null });
  });

  test("holds back what may belong to a stop string, and no more", () => {
    const { pieces } = write(tokenizer, [0], [...ids("am"), ...ids("em"), EOS], ["emo"]);
    expect(pieces).toEqual(["a", "m", "", "", "em"]);
  });

  test("keeps the rest of a token in which the stop string begins or ends", async () => {
    const qwen = await Tokenizer.fromFolder(folderOf("qwen"));
    const row = qwen.encode("It is a truth universally");
    const { text, stoppedAt } = write(qwen, [0], row, ["th univ"]);
    expect(text).toBe("It is a tru");
    expect(qwen.decode(row.slice(0, stoppedAt!))).toContain("th univ");
    expect(qwen.decode(row.slice(0, stoppedAt! - 1))).not.toContain("th univ");
  });

  test("waits for all bytes of a character of the stop string", async () => {
    const qwen = await Tokenizer.fromFolder(folderOf("qwen"));
    const row = qwen.encode("a🦉b🦊c");
    expect(row.length).toBeGreaterThan(6);
    expect(write(qwen, [0], row, ["🦊"])).toMatchObject({ text: "a🦉b" });
    expect(write(qwen, [0], row, ["🦉b🦉"])).toMatchObject({ text: "a🦉b🦊c", stoppedAt: null });
  });
});
