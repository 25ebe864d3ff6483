import { compileRegex } from "@mixtape/regex";
import { regex } from "../grammar-regex.js";
import type { Files, Target } from "../target.js";

/** Generated patterns, in both syntaxes, on texts that trigger bombs. */
export const regexes: Target = {
  name: "regular expressions",
  async prepare() {
    const texts = ["", "aaab b", "foo.bar_1 é😀\n", "a".repeat(5000), `${"ab ".repeat(2000)}!`];
    return {
      make: (random): Files =>
        new Map([
          ["pattern", regex(random)],
          ["syntax", random.pick(["python", "oniguruma"])],
        ]),
      async read(files) {
        const syntax = files.get("syntax") as "python" | "oniguruma";
        const compiled = compileRegex(files.get("pattern") as string, { syntax });
        for (const text of texts) {
          compiled.search(text);
          compiled.fullMatch(text);
          let count = 0;
          for (const _ of compiled.matchAll(text)) if (++count > 1000) break;
        }
      },
    };
  },
};
