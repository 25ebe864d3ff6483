/** Selection by names on the command line. */

/**
 * Returns the items of `all` that a comma-separated list names, in the order of the list.
 * @throws {Error} listing the known names, for an unknown one.
 */
export function select<T extends { readonly name: string }>(all: readonly T[], list: string, what: string): T[] {
  return list.split(",").map((name) => {
    const found = all.find((one) => one.name === name.trim());
    if (found) return found;
    const names = all.map((one) => one.name).join(", ");
    throw new Error(`${what}: expected some of ${names}, got ${JSON.stringify(name)}`);
  });
}
