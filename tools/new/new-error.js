/** A reason why a new family or variant cannot be created. */
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
