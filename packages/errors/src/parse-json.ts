/** Far above any file of a model, and far below what a function that calls itself for each level can take. */
const MAX_DEPTH = 500;

/**
 * Parses JSON as `JSON.parse` does, and refuses what is nested deeper than 500 levels: such a value would exhaust the stack of
 * whoever walks it later, `JSON.stringify` included.
 * @throws {SyntaxError} where the text is no JSON, or nested too deep
 */
export function parseJson(text: string): unknown {
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
  return JSON.parse(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACE = 0x7b;
