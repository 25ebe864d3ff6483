/** Formats numbers for people. */

import { safeName } from "@mixtape/errors";

const UNITS = ["", "KiB", "MiB", "GiB", "TiB"];

/** `10.0 MiB` */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return unit === 0 ? plural(value, "byte") : `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** `6,123,456,789` */
export function whole(count: number): string {
  return count.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** Formats `6.12 B`, as parameters are counted; the number itself below a thousand. */
export function short(count: number): string {
  const [size, unit] = count >= 1e9 ? [1e9, " B"] : count >= 1e6 ? [1e6, " M"] : count >= 1e3 ? [1e3, " k"] : [1, ""];
  return `${(count / size).toFixed(unit === "" ? 0 : 2)}${unit}`;
}

/** Formats a fraction as `58 %`, with a decimal place if it would round to nothing or to all. */
export function percent(part: number, all: number): string {
  const share = (100 * part) / all;
  const rounded = Math.round(share);
  if (part === 0 || part === all || (rounded > 0 && rounded < 100)) return `${rounded} %`;
  // Rounds away from 0 % and 100 %.
  const tenths = rounded === 0 ? Math.ceil(10 * share) : Math.floor(10 * share);
  return `${(tenths / 10).toFixed(1)} %`;
}

/** `0.41 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** Formats `45.2 tokens/s`; null if it could not be measured. */
export function rate(tokensPerSecond: number | null): string {
  return tokensPerSecond === null ? "too short to tell" : `${tokensPerSecond.toFixed(1)} tokens/s`;
}

/** `1 layer`, `2 layers` */
export function plural(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Formats rows of a name and a value, with the values in one column. */
export function table(rows: readonly (readonly [string, string])[], paint: (name: string) => string): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${paint(name.padEnd(width))}  ${safeName(value)}\n`).join("");
}
