import { checkOptions, OptionError } from "@mixtape/errors";
import { KV_CACHE_DTYPES, type KvCacheDtype } from "@mixtape/ops";

/** Options of a model's cache. */
export interface CacheOptions {
  /**
   * Storage of keys and values, or of latents: `int8` rounds them to 8 bits, with one scale of each head and position. States of
   * recurrences stay float32. Default: `auto`, the engine's choice.
   */
  readonly kvCacheDtype?: KvCacheDtype;
}

/** @throws {OptionError} for an unknown option, or a value that is none */
export function checkCacheOptions(where: string, options: CacheOptions): void {
  checkOptions(where, options, { kvCacheDtype: true });
  const { kvCacheDtype } = options;
  if (kvCacheDtype === undefined || KV_CACHE_DTYPES.includes(kvCacheDtype)) return;
  throw new OptionError({
    where: `${where}: kvCacheDtype`,
    expected: KV_CACHE_DTYPES.join(" or "),
    got: JSON.stringify(kvCacheDtype) ?? String(kvCacheDtype),
  });
}
