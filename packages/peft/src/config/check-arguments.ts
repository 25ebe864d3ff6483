import type { PreTrainedModel } from "@mixtape/decoder";
import { AdapterError } from "../errors.js";

/** Refuses arguments of the wrong type, which JavaScript lets through. @param where the function, for errors */
export function checkArguments(
  where: string,
  {
    model,
    name,
    seed,
    ignore,
    onWarning,
  }: { model?: PreTrainedModel; name?: unknown; seed?: unknown; ignore?: unknown; onWarning?: unknown },
): void {
  const refuse = (what: string, expected: string, value: unknown): void => {
    const got = typeof value === "string" ? JSON.stringify(value) : String(value);
    throw new AdapterError({ where: `${where}: ${what}`, expected, got });
  };
  const isModel = typeof model === "object" && model !== null && typeof model.namedModules === "function";
  if (!isModel) refuse("model", "a model, loaded and awaited", model);
  if (name !== undefined && (typeof name !== "string" || name === ""))
    refuse("name", "a name of at least one character", name);
  if (seed !== undefined && !Number.isSafeInteger(seed)) refuse("seed", "an integer", seed);
  const isList = Array.isArray(ignore) && ignore.every((key) => typeof key === "string");
  if (ignore !== undefined && !isList) refuse("ignore", "a list of keys", ignore);
  if (onWarning !== undefined && typeof onWarning !== "function") refuse("onWarning", "a function", onWarning);
}
