#!/usr/bin/env node
// TypeScript 7 compiles several times as fast as 6, but has no API yet: dependency-cruiser and tests need `typescript` at 6,
// which owns the name `tsc`.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const manifest = createRequire(import.meta.url).resolve("typescript-native/package.json");
await import(pathToFileURL(join(dirname(manifest), "lib", "tsc.js")).href);
