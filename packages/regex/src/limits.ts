/** Limits that keep parsing, compiling and matching bounded, whatever the pattern. */

/** Maximum length of a pattern in UTF-16 units. */
export const MAX_PATTERN = 50_000;
/** Maximum nesting of groups, classes and quantifiers. */
export const MAX_DEPTH = 100;
/** Maximum number of instructions: `x{1000}` counts a thousandfold. */
export const MAX_PROGRAM = 50_000;
/** Steps that one call may take on any text; each UTF-16 unit of the text adds more. */
export const STEPS = 2_000_000;
export const STEPS_PER_UNIT = 200;
/** Maximum size of the memo table of one call, in bytes. */
export const MAX_MEMORY = 512 * 1024 * 1024;
