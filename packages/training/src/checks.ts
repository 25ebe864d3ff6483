import { TrainingError } from "./errors.js";

/** @throws {TrainingError} unless the value is a whole number in a range */
export function checkWhole(where: string, value: unknown, min: number, max = Number.POSITIVE_INFINITY): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw new TrainingError({
    where,
    expected: `a whole number ${max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`}`,
    got: show(value),
  });
}

/** A value in an error message. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** @throws {TrainingError} for an argument that is not what a function takes */
export function expectThat(isRight: boolean, where: string, expected: string, value: unknown): void {
  if (!isRight) throw new TrainingError({ where, expected, got: show(value) });
}

/** @throws {TrainingError} for what is no list, or has anything in it that does not fit */
export function checkList(where: string, expected: string, value: unknown, fits: (item: unknown) => boolean): void {
  expectThat(Array.isArray(value), where, expected, value);
  const items = value as readonly unknown[];
  const wrong = items.findIndex((item) => !fits(item));
  if (wrong !== -1) expectThat(false, `${where}[${wrong}]`, expected, items[wrong]);
}

/** @throws {TrainingError} for what is no object */
export function checkObject(where: string, expected: string, value: unknown): void {
  expectThat(typeof value === "object" && value !== null && !Array.isArray(value), where, expected, value);
}

/** @throws {TrainingError} for what is no module, such as a model that was not awaited */
export function checkModule(where: string, module: unknown): void {
  const { namedParameters } = (module ?? {}) as { namedParameters?: unknown };
  expectThat(typeof namedParameters === "function", where, "a module, such as a model", module);
}

/** @throws {TrainingError} for what cannot be iterated over */
export function checkIterable(where: string, expected: string, value: unknown): void {
  const iterator = (value ?? ({} as Iterable<unknown>)) as Partial<Iterable<unknown>>;
  expectThat(typeof value !== "string" && typeof iterator[Symbol.iterator] === "function", where, expected, value);
}
