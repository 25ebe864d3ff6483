/** Something is in the way of a new family or variant. */
export class NewError extends Error {
  /**
   * @param {string} where
   * @param {string} expected
   * @param {string} got
   */
  constructor(where, expected, got) {
    super(`${where}: expected ${expected}, got ${got}`);
  }
}
