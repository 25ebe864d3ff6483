import { table } from "@mixtape/command-line";
import { type LayerLoad, relativeLoads } from "./expert-loads.js";

/** Levels from no tokens to twice an even share and more. */
const SHADES = [" ", "░", "▒", "▓", "█"];

/**
 * Draws loads for a terminal: a row for each layer, and a character for each expert or, if there are more experts than
 * columns, for several adjacent ones.
 * @param columns maximum number of characters for the experts
 * @param paint colours the names of layers
 */
export function heatMap(loads: readonly LayerLoad[], columns: number, paint: (text: string) => string): string {
  const rows = loads.map(({ layer, counts }) => {
    const relative = relativeLoads(counts);
    const each = Math.ceil(counts.length / Math.max(1, columns));
    const cells = Array.from({ length: Math.ceil(counts.length / each) }, (_, i) => {
      const own = relative.slice(i * each, (i + 1) * each);
      return own.reduce((sum, load) => sum + load, 0) / own.length;
    });
    const busiest = relative.indexOf(Math.max(...relative));
    const idle = counts.filter((count) => count === 0).length;
    const about = `busiest ${busiest} (${relative[busiest]!.toFixed(1)}×)${idle > 0 ? `, ${idle} idle` : ""}`;
    return [`layer ${layer}`, `│${cells.map(shade).join("")}│ ${about}`] as const;
  });
  return `${table(rows, paint)}${SHADES.slice(1).join("")} is up to twice an even share and more\n`;
}

function shade(load: number): string {
  if (load === 0) return SHADES[0]!;
  return SHADES[Math.min(SHADES.length - 1, 1 + Math.floor((load / 2) * (SHADES.length - 1)))]!;
}
