import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { GenerationError, StopStrings } from "../src/index.js";

/** What is shown of a text that comes in these pieces, and whether a stop string has ended it. */
function watch(pieces: readonly string[], stops: readonly string[]): { shown: string; found: boolean } {
  const watcher = new StopStrings(stops);
  const shown = pieces.map((piece) => watcher.push(piece)).join("") + (watcher.found ? "" : watcher.end());
  return { shown, found: watcher.found };
}

/** The same by the definition: the shortest beginning of the text that ends in a stop string, less the longest of those. */
function define(text: string, stops: readonly string[]): { shown: string; found: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const ending = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    const longest = Math.max(0, ...ending.map((stop) => stop.length));
    if (longest > 0) return { shown: text.slice(0, end - longest), found: true };
  }
  return { shown: text, found: false };
}

// Few letters, so that strings overlap with themselves and each other.
const word = (least: number, most: number) =>
  fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: least, maxLength: most });

property.prop([word(0, 30), fc.array(word(1, 5), { maxLength: 4 }), fc.array(fc.nat(30), { maxLength: 8 })])(
  "however a text is cut into pieces, the same of it is shown",
  (text, stops, cuts) => {
    const at = [0, ...cuts.filter((cut) => cut <= text.length).sort((a, b) => a - b), text.length];
    const pieces = at.slice(1).map((end, i) => text.slice(at[i]!, end));
    expect(watch(pieces, stops)).toEqual(define(text, stops));
  },
);

property.prop([word(0, 30), fc.array(word(1, 5), { maxLength: 4 })])(
  "nothing is held back longer than needed",
  (text, stops) => {
    const watcher = new StopStrings(stops);
    let shown = "";
    for (const [i, letter] of [...text].entries()) {
      shown += watcher.push(letter);
      if (watcher.found) return;
      const held = text.slice(shown.length, i + 1);
      expect(held === "" || stops.some((stop) => stop.startsWith(held))).toBe(true);
    }
  },
);

describe("a stop string", () => {
  test("is not shown, nor what comes after it", () => {
    expect(watch(["Hello.\nUs", "er: hi"], ["\nUser:"])).toEqual({ shown: "Hello.", found: true });
  });

  test("that begins and does not go on is shown after all", () => {
    expect(watch(["a\nUs", "ual"], ["\nUser:"])).toEqual({ shown: "a\nUsual", found: false });
    expect(watch(["a\nUs"], ["\nUser:"])).toEqual({ shown: "a\nUs", found: false });
  });

  test("without characters is refused", () => {
    expect(() => new StopStrings(["a", ""])).toThrow(GenerationError);
    expect(() => new StopStrings(["a", ""])).toThrow('stop: expected strings of at least one character, got "".');
  });

  test("may begin in text that was there before, and not end in it", () => {
    const push = (before: string, stops: string[], piece: string) => {
      const watcher = new StopStrings(stops, before);
      return [watcher.held, watcher.push(piece), watcher.found];
    };
    expect(push("lemon\nUs", ["\nUser:"], "er: hi")).toEqual(["\nUs", "", true]);
    expect(push("lemon\nUs", ["\nUser:"], "ual")).toEqual(["\nUs", "\nUsual", false]);
    // "b" is complete in it already, and "abc" is not.
    expect(push("ab", ["b", "abc"], "x")).toEqual(["ab", "abx", false]);
    expect(push("ab", ["b", "abc"], "cb")).toEqual(["ab", "", true]);
  });

  test.each([[undefined], ["abc"], [[5]], [[null]]])("%j is refused", (stops) => {
    expect(() => new StopStrings(stops as never)).toThrow(GenerationError);
  });
});
