import { checkOptionTypes } from "@mixtape/errors";
import { expectThat } from "../checks.js";

/** Refuses arguments of the wrong type, which JavaScript lets through. @param where the function, for errors */
export function checkArguments(where: string, tokenizer: unknown, options: { readonly ignoreKeys?: unknown }): void {
  const { encode } = (tokenizer ?? {}) as { encode?: unknown };
  expectThat(typeof encode === "function", `${where}: tokenizer`, "a tokenizer, as loadTokenizer gives one", tokenizer);
  checkOptionTypes(where, options, { ignoreKeys: "strings" });
}
