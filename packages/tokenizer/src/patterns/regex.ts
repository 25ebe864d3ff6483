import type { FindMatches } from "../text/split.js";
import { messageOf, TokenizerError } from "../tokenizer-error.js";
import { unitLength } from "../unicode/utf8.js";

/** The matches of a regular expression in Oniguruma's syntax. */
export function regexMatches(source: string, where: string): FindMatches {
  const regex = compile(source, where);
  return (text) => {
    const matches: number[] = [];
    let last = -1;
    for (let at = 0; at <= text.length; ) {
      regex.lastIndex = at;
      const match = regex.exec(text);
      if (!match) break;
      const end = match.index + match[0].length;
      // An empty match right behind the last match does not count.
      if (end === match.index && end === last) {
        at = end < text.length ? end + unitLength(text, end) : end + 1;
        continue;
      }
      matches.push(match.index, end);
      at = end;
      last = end;
    }
    return matches;
  };
}

const WHITE_SPACE = "\\t-\\r\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

function compile(source: string, where: string): RegExp {
  try {
    return new RegExp(translate(source), "gmu");
  } catch (cause) {
    throw new TokenizerError({ where, expected: "a regular expression", got: messageOf(cause), cause });
  }
}

function translate(source: string): string {
  let inClass = false;
  return source.replace(/\\s|\\S|\\h|\\[\s\S]|\[|\]/gu, (part) => {
    if (part === "[") inClass = true;
    else if (part === "]") inClass = false;
    else if (part === "\\s") return inClass ? WHITE_SPACE : `[${WHITE_SPACE}]`;
    else if (part === "\\S" && !inClass) return `[^${WHITE_SPACE}]`;
    else if (/^\\[^\w\d^$\\.*+?()[\]{}|/-]$/u.test(part)) return part.slice(1);
    return part;
  });
}
