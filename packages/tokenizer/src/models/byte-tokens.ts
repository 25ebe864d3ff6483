/** Byte-fallback tokens: `<0x00>` to `<0xFF>`. */

/** Returns the token of a byte. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/**
 * Returns the byte of a byte token; undefined for any other token. Like Rust's parser, it accepts a sign as a digit.
 */
export function byteOf(token: string): number | undefined {
  if (token.length !== 6 || !token.startsWith("<0x") || !token.endsWith(">")) return undefined;
  const digits = token.slice(3, 5);
  if (!/^[0-9A-Fa-f+][0-9A-Fa-f]$/.test(digits)) return undefined;
  return Number.parseInt(digits.replace("+", ""), 16);
}
