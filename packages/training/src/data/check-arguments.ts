import { checkOptionTypes } from "@mixtape/errors";
import { expectThat } from "../checks.js";

/** Refuses arguments of the wrong type, which JavaScript lets through. @param where the function, for errors */
export function checkArguments(
  where: string,
  tokenizer: unknown,
  options: { readonly ignoreKeys?: unknown; readonly chatTemplate?: unknown },
): void {
  const { encode } = (tokenizer ?? {}) as { encode?: unknown };
  expectThat(typeof encode === "function", `${where}: tokenizer`, "a tokenizer, as loadTokenizer gives one", tokenizer);
  const { chatTemplate } = options;
  const isText = chatTemplate === undefined || typeof chatTemplate === "string";
  expectThat(isText, `${where}: chatTemplate`, "the text or the name of a chat template", chatTemplate);
  checkOptionTypes(where, options, { ignoreKeys: "strings" });
}
