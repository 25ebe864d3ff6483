/** Numbers and tables as text. */

import { markdownTable } from "markdown-table";
import type { Spread } from "../statistics.js";

/** Formats with three significant digits, without an exponent. */
export function number(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** `median (min – max)` */
export function spread({ median, min, max }: Spread): string {
  return `${number(median)} (${number(min)} – ${number(max)})`;
}

export function percent(share: number | null): string {
  return share === null ? "" : `${(100 * share).toFixed(1)} %`;
}

export function giga(value: number): string {
  return number(value / 1e9);
}

/** Formats a table whose first columns are text and whose others are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], textColumns = 1): string {
  const align = head.map((_, i) => (i < textColumns ? "l" : "r"));
  return markdownTable([head, ...rows], { align });
}
