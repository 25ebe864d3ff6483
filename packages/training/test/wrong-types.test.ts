/** Every function of the package, called with arguments of wrong types: it works, or refuses them with a typed error. */

import { MixtapeError } from "@mixtape/errors";
import { expect, test } from "vitest";
import * as training from "../src/index.js";

const VALUES = [undefined, null, 5, "x", true, {}, [], [null], () => {}];
const functions = Object.entries(training).filter(
  (entry): entry is [string, (typeof entry)[1] & ((...args: unknown[]) => unknown)] =>
    typeof entry[1] === "function" && !(entry[1].prototype instanceof Error),
);

test.each(functions)("%s", async (_, f) => {
  const pairs = VALUES.flatMap((first) => [undefined, null, 5, {}].map((second) => [first, second]));
  for (const args of pairs) {
    const error = await errorOf(f, args);
    if (error !== undefined) expect(error, `${JSON.stringify(args)}: ${error}`).toBeInstanceOf(MixtapeError);
  }
});

async function errorOf(f: (...args: unknown[]) => unknown, args: readonly unknown[]): Promise<unknown> {
  try {
    const isClass = Function.prototype.toString.call(f).startsWith("class");
    const result: unknown = isClass ? Reflect.construct(f, args) : await f(...args);
    if (typeof result !== "object" || result === null) return undefined;
    if (Symbol.asyncIterator in result) for await (const _ of result as AsyncIterable<unknown>) break;
    else if (Symbol.iterator in result) for (const _ of result as Iterable<unknown>) break;
  } catch (error) {
    return error;
  }
  return undefined;
}
