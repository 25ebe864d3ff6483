/** Locations of the values of a JSON text. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Location of a value: its holder and key. */
export type Place = readonly [holder: Json[] | { [key: string]: Json }, key: string | number];

/** Lists every value inside, at most a few thousand: a vocabulary has more than need be tried. */
export function placesOf(root: Json): Place[] {
  const places: Place[] = [];
  const open: Json[] = [root];
  for (let i = 0; i < open.length && places.length < 3000; i++) {
    const value = open[i]!;
    if (typeof value !== "object" || value === null) continue;
    const entries = Array.isArray(value) ? value.map((one, at) => [at, one] as const) : Object.entries(value);
    for (const [key, inner] of entries.slice(0, 200)) {
      places.push([value, key]);
      open.push(inner);
    }
  }
  return places;
}
