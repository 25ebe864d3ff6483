/** Mutations of JSON that readers may accept: every value keeps its type, and strings come from the text itself. */

import { type Json, placesOf } from "./json-places.js";
import type { Random } from "./random.js";

/** Returns a JSON text with one or two changes. */
export function mutateMildly(source: string, random: Random): string {
  const root = JSON.parse(source) as Json;
  for (let i = 1 + random.below(2); i > 0; i--) change(root, random);
  return JSON.stringify(root);
}

function change(root: Json, random: Random): void {
  const places = placesOf(root);
  if (places.length === 0) return;
  const [parent, key] = random.pick(places);
  const holder = parent as Record<string | number, Json>;
  const value = holder[key]!;
  if (random.chance(0.15)) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete holder[key];
  } else if (typeof value === "number") holder[key] = nextTo(value, random);
  else if (typeof value === "boolean") holder[key] = !value;
  else if (typeof value === "string") {
    // A value of the same key elsewhere, such as another "type", is more likely to be a word of the format.
    const alike = places.filter(([, other]) => other === key);
    const [other, otherKey] = random.pick(random.chance(0.7) ? alike : places);
    const found = (other as Record<string | number, Json>)[otherKey];
    if (typeof found === "string") holder[key] = random.chance(0.8) ? found : found + value;
  } else if (Array.isArray(value)) changeList(value, random);
  else if (value !== null) changeObject(value, random);
}

function nextTo(value: number, random: Random): number {
  return random.pick([value + 1, value - 1, value * 2, Math.trunc(value / 2), 0, 1]);
}

function changeList(list: Json[], random: Random): void {
  if (list.length === 0) return;
  const at = random.below(list.length);
  switch (random.below(4)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(at, 0, structuredClone(list[at]!));
      break;
    case 2:
      list.reverse();
      break;
    default:
      list.push(structuredClone(list[at]!));
  }
}

function changeObject(object: { [key: string]: Json }, random: Random): void {
  const entries = Object.entries(object);
  if (random.chance(0.5)) object[random.pick(["_comment", "x", "transformers_version"])] = random.pick(["a", 1, null]);
  else
    for (const [key, value] of entries.reverse()) {
      delete object[key];
      object[key] = value;
    }
}
