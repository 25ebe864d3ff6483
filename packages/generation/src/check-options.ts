/** Checks of generation options: of those that a call gives, and of those that a generation config brings. */
import { type DecoderConfig, type GenerationConfig, generationConfigFaults, type UnusableValue } from "@mixtape/config";
import { GenerationError } from "./generation-error.js";
import type { GenerationOptions, ResolvedOptions } from "./options.js";

/** Options that only count when tokens are sampled. */
const SAMPLING = ["temperature", "topK", "topP", "minP", "topH", "typicalP", "epsilonCutoff", "etaCutoff"] as const;

type Check = readonly [fits: (value: never) => boolean, expected: string];

const whole = Number.isSafeInteger;
const isNumber = (value: unknown): value is number => typeof value === "number";
const ids = (value: unknown): boolean => Array.isArray(value) && value.every(whole);
const share: Check = [(p: unknown) => isNumber(p) && p >= 0 && p <= 1, "a number from 0 to 1"];
const count: Check = [(n: number) => whole(n) && n >= 0, "a whole number of at least 0"];
const shareOrNone: Check = [
  (p: unknown) => p === null || (isNumber(p) && p > 0 && p <= 1),
  "a number above 0 and at most 1",
];
const cutoff: Check = [(p: unknown) => isNumber(p) && p >= 0 && p < 1, "a number of at least 0 and below 1"];

const CHECKS: { readonly [K in keyof ResolvedOptions]?: Check } = {
  maxNewTokens: [(n: number) => whole(n) && n >= 1, "a whole number of at least 1"],
  minNewTokens: count,
  minLength: count,
  topK: count,
  topP: share,
  minP: share,
  topH: shareOrNone,
  typicalP: [(p: unknown) => isNumber(p) && p > 0 && p <= 1, "a number above 0 and at most 1"],
  epsilonCutoff: cutoff,
  etaCutoff: cutoff,
  repetitionPenalty: [(p: unknown) => isNumber(p) && p > 0 && p < Infinity, "a number above 0"],
  noRepeatNgramSize: count,
  badWordsIds: [
    (list: unknown) => Array.isArray(list) && list.every((one) => ids(one) && one.length > 0),
    "a list of lists of token ids",
  ],
  sequenceBias: [
    (list: unknown) =>
      Array.isArray(list) &&
      list.every((pair) => Array.isArray(pair) && ids(pair[0]) && pair[0].length > 0 && typeof pair[1] === "number"),
    "a list of pairs, each a list of token ids and a number",
  ],
  suppressTokens: [ids, "a list of token ids"],
  beginSuppressTokens: [ids, "a list of token ids"],
  exponentialDecayLengthPenalty: [
    (pair: unknown) => pair === null || (Array.isArray(pair) && whole(pair[0]) && pair[1] > 0 && pair[1] < Infinity),
    "a start, in new tokens, and a factor above 0",
  ],
  seed: [whole, "a whole number"],
  eosTokenIds: [(set: ReadonlySet<unknown>) => [...set].every(whole), "token ids"],
};

/** @throws {GenerationError} as `resolveOptions` says */
export function checkResolved(
  resolved: ResolvedOptions,
  options: GenerationOptions,
  defaults: GenerationConfig,
  { vocabSize }: DecoderConfig,
): void {
  refuseUnusable(resolved, options, defaults);
  const check = (name: keyof ResolvedOptions, [fits, expected]: Check): void => {
    if (!fits(resolved[name] as never)) throw refusal(name, expected, resolved[name], options, defaults);
  };
  for (const [name, one] of Object.entries(CHECKS)) check(name as keyof ResolvedOptions, one);
  if (resolved.doSample && options.temperature === undefined)
    check("temperature", [(t: unknown) => isNumber(t) && t > 0 && t < Infinity, "a number above 0 for sampling"]);
  else check("temperature", [(t: unknown) => isNumber(t) && t >= 0 && t < Infinity, "a number of at least 0"]);
  if (options.doSample !== undefined && typeof options.doSample !== "boolean")
    throw refusal("doSample", "true or false", options.doSample, options, defaults);
  const known: Check = [(id: number) => whole(id) && id >= 0 && id < vocabSize, `a token id below ${vocabSize}`];
  for (const name of ["forcedBosTokenId", "forcedEosTokenId"] as const) {
    const tokens = [resolved[name] ?? []].flat();
    if (!tokens.every((id) => known[0](id as never))) throw refusal(name, known[1], resolved[name], options, defaults);
  }
  if (options.padTokenId !== undefined) check("padTokenId", known);
}

/** Refuses values of a file that would change the text and cannot be used, unless the call says what counts in their place. */
function refuseUnusable(resolved: ResolvedOptions, options: GenerationOptions, defaults: GenerationConfig): void {
  const { file, faults } = generationConfigFaults(defaults) ?? { file: "", faults: [] };
  const fault = faults.find((one) => counts(one, resolved, options, defaults));
  if (!fault) return;
  const { key, field, expected, got } = fault;
  throw new GenerationError({
    where: `${file}: ${key}`,
    expected,
    got,
    fix: field === "" ? "Mend the file, or remove it" : (fault.fix ?? wayOut(field, key)),
  });
}

function counts(
  { field }: UnusableValue,
  { doSample, topK }: ResolvedOptions,
  options: GenerationOptions,
  defaults: GenerationConfig,
): boolean {
  if ((options as Readonly<Record<string, unknown>>)[field] !== undefined) return false;
  switch (field) {
    case "bosTokenId":
    // Those are looked at where they are needed.
    case "padTokenId":
    case "stopStrings":
      return false;
    case "doSample":
      return options.temperature === undefined;
    case "maxLength":
      return (options.maxNewTokens ?? defaults.maxNewTokens) === undefined;
    case "penalty_alpha":
      return !doSample && topK > 1;
    default:
      return doSample || !SAMPLING.some((name) => name === field);
  }
}

function refusal(
  name: string,
  expected: string,
  value: unknown,
  options: GenerationOptions,
  defaults: GenerationConfig,
): GenerationError {
  const got = show(value instanceof Set ? [...value] : value);
  const option = name === "eosTokenIds" ? "eosTokenId" : name;
  const own = (options as Readonly<Record<string, unknown>>)[option] !== undefined;
  const file = own ? undefined : generationConfigFaults(defaults)?.file;
  if (file === undefined) return new GenerationError({ where: option, expected, got });
  const key = keyOf(option);
  return new GenerationError({ where: `${file}: ${key}`, expected, got, fix: wayOut(option, key) });
}

/** What to do about a value of a generation config. Only fields of the config are options of a call. */
export function wayOut(field: string, key: string): string {
  const root = key.split(/[.[]/, 1)[0]!;
  const inCall = field === root && root.includes("_") ? "" : `Give ${field} in the call, or `;
  return `${inCall}${inCall ? "pass" : "Pass"} ignore: ["${root}"] when loading`;
}

/** `topP` to `top_p`, as the file has it. */
function keyOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function show(value: unknown): string {
  const plain = (_: string, inner: unknown): unknown => (typeof inner === "bigint" ? `${inner}n` : inner);
  return typeof value === "object" || typeof value === "string" ? JSON.stringify(value, plain) : String(value);
}
