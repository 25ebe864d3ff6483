// Gives the packages in platforms/ the version of @mixtape/native, and native the dependency on that version of each:
// `node scripts/platform-versions.js`, after `changeset version`.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./toolchain.js";

const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const write = (path, manifest) => writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);

const path = join(ROOT, "package.json");
const native = read(path);
for (const platform of readdirSync(join(ROOT, "platforms")).sort()) {
  const manifest = join(ROOT, "platforms", platform, "package.json");
  write(manifest, { ...read(manifest), version: native.version });
  native.optionalDependencies[`@mixtape/native-${platform}`] = native.version;
}
write(path, native);
