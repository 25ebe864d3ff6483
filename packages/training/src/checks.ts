import { TrainingError } from "./errors.js";

/** @throws {TrainingError} unless the value is an integer in a range */
export function checkWhole(where: string, value: unknown, min: number, max = Number.POSITIVE_INFINITY): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw new TrainingError({
    where,
    expected: `a whole number ${max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`}`,
    got: show(value),
  });
}

/** Formats a value for an error message. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** @throws {TrainingError} for an invalid argument */
export function expectThat(isRight: boolean, where: string, expected: string, value: unknown): void {
  if (!isRight) throw new TrainingError({ where, expected, got: show(value) });
}

/** @throws {TrainingError} if it is not a list, or has an invalid item */
export function checkList(where: string, expected: string, value: unknown, fits: (item: unknown) => boolean): void {
  expectThat(Array.isArray(value), where, expected, value);
  const items = value as readonly unknown[];
  const wrong = items.findIndex((item) => !fits(item));
  if (wrong !== -1) expectThat(false, `${where}[${wrong}]`, expected, items[wrong]);
}

/** @throws {TrainingError} if it is not an object */
export function checkObject(where: string, expected: string, value: unknown): void {
  expectThat(typeof value === "object" && value !== null && !Array.isArray(value), where, expected, value);
}

/** @throws {TrainingError} if it is not a module, such as a model that was not awaited */
export function checkModule(where: string, module: unknown): void {
  const { namedParameters } = (module ?? {}) as { namedParameters?: unknown };
  expectThat(typeof namedParameters === "function", where, "a module, such as a model", module);
}

/** @throws {TrainingError} if it is not iterable */
export function checkIterable(where: string, expected: string, value: unknown): void {
  const iterator = (value ?? ({} as Iterable<unknown>)) as Partial<Iterable<unknown>>;
  expectThat(typeof value !== "string" && typeof iterator[Symbol.iterator] === "function", where, expected, value);
}
