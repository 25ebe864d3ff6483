// Publishes the packages in platforms/: `node scripts/publish-platforms.js [npm publish's own options]`. All of them or none: a
// binary that is missing was not built, or not copied here from the machine that built it.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { ROOT } from "./toolchain.js";

const folders = readdirSync(join(ROOT, "platforms")).map((platform) => join(ROOT, "platforms", platform));
const missing = folders.filter((folder) => !existsSync(join(folder, "mixtape.node")));
if (missing.length > 0) {
  console.error(
    `native: no mixtape.node in\n${missing.join("\n")}\nBuild it there (docs/native.md), and copy it here.`,
  );
  exit(1);
}
for (const folder of folders) {
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const known = spawnSync("npm", ["view", `${name}@${version}`, "version"], { encoding: "utf8" });
  if (known.stdout.trim() === version) console.log(`native: ${name}@${version} is published already`);
  else if (spawnSync("npm", ["publish", folder, ...argv.slice(2)], { stdio: "inherit" }).status !== 0) exit(1);
}
