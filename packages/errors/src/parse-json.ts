/** Far above any file of a model, and far below the recursion depth that overflows the stack. */
const MAX_DEPTH = 500;

/**
 * Parses JSON as `JSON.parse` does, with the `NaN`, `Infinity` and `-Infinity` that Python's `json` writes and reads.
 * Refuses nesting deeper than 500 levels: such a value would overflow the stack of code that walks it later,
 * `JSON.stringify` included.
 * @throws {SyntaxError} if the text is not JSON, is nested too deep, or begins with a byte order mark
 */
export function parseJson(text: string): unknown {
  refuseByteOrderMark(text);
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (inString) {
      if (unit === BACKSLASH) i++;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) inString = true;
    else if (unit === BRACKET || unit === BRACE) {
      if (++depth > MAX_DEPTH) throw new SyntaxError(`JSON nested deeper than ${MAX_DEPTH} levels`);
    } else if (unit === BRACKET + 2 || unit === BRACE + 2) depth--;
  }
  return /NaN|Infinity/.test(text) ? parseWithNonFinite(text) : JSON.parse(text);
}

/** A string, whose contents stay as they are; or a word for a number that is not finite. */
const STRING_OR_WORD = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;

function parseWithNonFinite(text: string): unknown {
  // JSON can write infinity, as a number that is too large, but not NaN: a string that the text does not contain stands
  // for it.
  let nan = "NaN";
  while (text.includes(`"${nan}"`)) nan += "N";
  let hasNaN = false;
  const plain = text.replace(STRING_OR_WORD, (found) => {
    if (found.startsWith('"')) return found;
    if (found !== "NaN") return found.startsWith("-") ? "-1e999" : "1e999";
    hasNaN = true;
    return `"${nan}"`;
  });
  return hasNaN ? JSON.parse(plain, (_, value: unknown) => (value === nan ? NaN : value)) : JSON.parse(plain);
}

/**
 * Refuses text that begins with a byte order mark, as Python's `json` and the readers of transformers do: a file that
 * is accepted here is accepted there.
 * @throws {SyntaxError}
 */
export function refuseByteOrderMark(text: string): void {
  if (text.charCodeAt(0) === BYTE_ORDER_MARK)
    throw new SyntaxError(
      "text that begins with a byte order mark, which JSON does not have: save it in UTF-8 without one",
    );
}

const BYTE_ORDER_MARK = 0xfeff;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACE = 0x7b;
