/** Heat maps of expert loads over time. */

import type { TrainingStep } from "./metrics.js";

/** Maximum number of columns: each is the mean of some steps. */
const COLUMNS = 160;

/** Loads of a router's experts over time. */
export interface HeatMap {
  /**
   * Rows of experts by columns of steps, one pixel per cell: a bitmap in a URL, so that a page with hundreds of experts
   * stays small.
   */
  readonly url: string;
  readonly experts: number;
  readonly columns: number;
  /** Final load of the busiest expert, relative to an even share. */
  readonly worst: number;
}

/** Blue for an expert without tokens, white for an even share, red for twice that or more. */
export function heatMap(router: string, steps: readonly TrainingStep[]): HeatMap {
  const counts = steps.flatMap(({ expertLoads }) => expertLoads.filter((load) => load.router === router));
  const perColumn = Math.ceil(counts.length / COLUMNS);
  const columns = Array.from({ length: Math.ceil(counts.length / perColumn) }, (_, i) =>
    shares(counts.slice(i * perColumn, (i + 1) * perColumn).map((load) => load.counts)),
  );
  const experts = columns[0]!.length;
  const rows = Array.from({ length: experts }, (_, expert) => columns.map((column) => levelOf(column[expert]!)));
  return { url: bitmap(rows), experts, columns: columns.length, worst: Math.max(...columns.at(-1)!) };
}

/** Returns the load of each expert, relative to an even share. */
function shares(counts: readonly (readonly number[])[]): number[] {
  const total = counts.reduce((sum, row) => sum + row.reduce((n, count) => n + count, 0), 0);
  const experts = counts[0]!.length;
  return Array.from({ length: experts }, (_, expert) => {
    const own = counts.reduce((sum, row) => sum + row[expert]!, 0);
    return total === 0 ? 1 : (own * experts) / total;
  });
}

/** Number of colours between none and twice an even share. */
const LEVELS = 255;

function levelOf(share: number): number {
  return Math.round((Math.min(share, 2) / 2) * (LEVELS - 1));
}

/** Returns `[red, green, blue]` of a level. */
function colorOf(level: number): [number, number, number] {
  const share = (level / (LEVELS - 1)) * 2;
  const fade = (to: number): number => Math.round(255 - Math.abs(share - 1) * (255 - to));
  return share < 1 ? [fade(33), fade(102), fade(172)] : [fade(178), fade(24), fade(43)];
}

const HEADER_BYTES = 54;

/** Encodes a Windows bitmap of 8 bits per pixel with a palette of the levels, as a URL. */
function bitmap(rows: readonly (readonly number[])[]): string {
  const [width, height] = [rows[0]!.length, rows.length];
  const rowBytes = Math.ceil(width / 4) * 4;
  const pixels = HEADER_BYTES + LEVELS * 4;
  const bytes = new Uint8Array(pixels + rowBytes * height);
  const header = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  header.setUint32(2, bytes.length, true);
  header.setUint32(10, pixels, true);
  header.setUint32(14, 40, true);
  header.setInt32(18, width, true);
  // A negative height: the first row is at the top.
  header.setInt32(22, -height, true);
  header.setUint16(26, 1, true);
  header.setUint16(28, 8, true);
  header.setUint32(46, LEVELS, true);
  for (let level = 0; level < LEVELS; level++) bytes.set(colorOf(level).reverse(), HEADER_BYTES + level * 4);
  for (const [y, row] of rows.entries()) bytes.set(row, pixels + y * rowBytes);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `data:image/bmp;base64,${btoa(text)}`;
}
