/** What was named on the command line. */

/**
 * Those of `all` that a comma-separated list names, in the order of the list.
 * @throws {Error} that lists the names there are, for one that is none of them.
 */
export function select<T extends { readonly name: string }>(all: readonly T[], list: string, what: string): T[] {
  return list.split(",").map((name) => {
    const found = all.find((one) => one.name === name.trim());
    if (found) return found;
    const names = all.map((one) => one.name).join(", ");
    throw new Error(`${what}: expected some of ${names}, got ${JSON.stringify(name)}`);
  });
}
