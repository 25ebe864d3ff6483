/** Loads the addon, the compiled half of this package. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, env, platform } from "node:process";
import { fileURLToPath } from "node:url";
import type { AttentionFunctions } from "./addon/attention.js";
import type { CopyFunctions } from "./addon/copies.js";
import type { ElementwiseFunctions } from "./addon/elementwise.js";
import type { EngineFunctions } from "./addon/engine.js";
import type { GraphFunctions } from "./addon/graphs.js";
import type { MlpFunctions } from "./addon/mlp.js";
import type { ProductFunctions } from "./addon/products.js";
import type { RecurrenceFunctions } from "./addon/recurrence.js";
import type { RowFunctions } from "./addon/rows.js";
import type { WeightFunctions } from "./addon/weights.js";
import { NativeError } from "./errors.js";

/** Functions of the addon, in groups as in `cpp/bind`. Each checks all arguments, and throws a {@link NativeError}. */
export interface Addon
  extends AttentionFunctions,
    CopyFunctions,
    ElementwiseFunctions,
    EngineFunctions,
    GraphFunctions,
    MlpFunctions,
    ProductFunctions,
    RecurrenceFunctions,
    RowFunctions,
    WeightFunctions {}

let loaded: Addon | undefined;
let listening: Addon | undefined;

/**
 * Loads the addon: from `MIXTAPE_NATIVE_BINARY` if set, else as built here, else from the package of this platform.
 * @throws {NativeError} naming each place that was tried, and why it failed.
 */
export function addon(): Addon {
  loaded ??= load();
  return listening ?? loaded;
}

/** Runs `f` with another addon, which passes on its calls. */
export function withAddon<T>(other: Addon, f: () => T): T {
  listening = other;
  try {
    return f();
  } finally {
    listening = undefined;
  }
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  const reasons: string[] = [];
  for (const path of places()) {
    try {
      const found = require(path) as Addon;
      found.onError((where, expected, got) => new NativeError({ where, expected, got }));
      return found;
    } catch (error) {
      reasons.push(`${path}: ${firstLine(error)}`);
    }
  }
  throw new NativeError({
    where: "@mixtape/native",
    expected: `a binary for ${platform}-${arch}`,
    got: reasons.join("; ") || "none",
    fix: `Install @mixtape/native-${platform}-${arch}, or build it from the repository with a C++ compiler`,
  });
}

function places(): string[] {
  if (env.MIXTAPE_NATIVE_BINARY) return [env.MIXTAPE_NATIVE_BINARY];
  const name = `${platform}-${arch}`;
  const built = fileURLToPath(new URL(`../platforms/${name}/mixtape.node`, import.meta.url));
  return [...(existsSync(built) ? [built] : []), `@mixtape/native-${name}`];
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n", 1)[0]!;
}
