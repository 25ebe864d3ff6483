import { OptionError } from "@mixtape/errors";

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/**
 * Returns the bytes of a size: a number, or text such as `8GB`, `7.5 GiB` or `500MB`.
 * @throws {OptionError} for anything else
 */
export function memoryBytes(size: number | string, where: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]?i?B)$/i.exec(String(size).trim()) ?? [];
  const bytes =
    typeof size === "number" ? size : Math.floor(Number(digits) * (UNITS[unit?.toUpperCase() ?? ""] ?? NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new OptionError({
    where,
    expected: "a number of bytes, or a size such as 8GB, 7.5GiB or 500MB",
    got: typeof size === "string" ? JSON.stringify(size) : String(size),
  });
}
