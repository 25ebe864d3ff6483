/** Action of `sample-generate inspect`. */

import { bytes, colorsFor, percent, plural, safeName, short, table, whole } from "@mixtape/command-line";
import { checkModel, chooseEngine, type EngineFlags } from "@mixtape/command-line/load";
import {
  aboutPartialExperts,
  availableMemory,
  type Engine,
  type EngineName,
  type EngineNeeds,
  inspectModel,
  type ModelInspection,
} from "@mixtape/mixtape";

const colors = colorsFor(process.stdout);

/** Flags of `sample-generate inspect`. */
export interface InspectFlags extends EngineFlags {
  readonly model: string;
  readonly ignore?: readonly string[];
  /** Bytes that the weights may take. */
  readonly memory?: number;
  readonly json?: boolean;
}

/** Output of `--json`: summary of the checkpoint, and whether it fits the engine. */
interface InspectResult extends ModelInspection {
  /** Folder, as given. */
  readonly model: string;
  readonly engine: {
    readonly name: EngineName;
    readonly description: string;
    /** Null if only the machine's memory limits it. */
    readonly memoryLimitBytes: number | null;
    readonly memoryLimitReason: string | null;
    /** Memory that the weights may take: `--memory`, or the free memory of the machine. */
    readonly freeMemoryBytes: number;
    /** Whether the weights fit both, or only the first if they are memory-mapped. */
    readonly fits: boolean;
  };
}

/** Describes a checkpoint, and whether it fits. */
export async function inspect({ model, ignore, memory, json, ...flags }: InspectFlags): Promise<void> {
  checkModel(model);
  // First, so that the report reflects the engine's options.
  const engine = await chooseEngine(flags);
  const inspection = await inspectModel(model, { ignore, memory });
  const result = { model, ...inspection, engine: fit(inspection, engine, memory) };
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : describe(result));
}

function fit(
  { engines }: ModelInspection,
  { name, description, memoryLimit }: Engine,
  memory: number | undefined,
): InspectResult["engine"] {
  const freeMemoryBytes = memory ?? availableMemory()?.bytes ?? Infinity;
  const { weightBytes, mapped } = needsOn(engines, name);
  return {
    name,
    description,
    memoryLimitBytes: memoryLimit?.bytes ?? null,
    memoryLimitReason: memoryLimit?.why ?? null,
    freeMemoryBytes,
    fits: weightBytes <= Math.min(mapped ? Infinity : freeMemoryBytes, memoryLimit?.bytes ?? Infinity),
  };
}

/** Returns the requirements on the current engine, all of which are known. */
function needsOn(engines: ModelInspection["engines"], name: EngineName): EngineNeeds {
  return engines[name]!;
}

/** Width of the longest common format, such as `packed-integers (4 bit)`. */
const FORMAT_WIDTH = 23;

function describe(result: InspectResult): string {
  const { model, modelType, architecture, parameters, layers, experts, dtypes, weights, engines } = result;
  const rows = [
    ["checkpoint", model],
    ["family", modelType],
    ["class", architecture],
    ["parameters", `${short(parameters.total)} (${whole(parameters.total)})`],
    [
      "per token",
      `${short(parameters.active)} (${whole(parameters.active)}, ${percent(parameters.active, parameters.total)})`,
    ],
    ["layers", `${layers.total}, ${layers.moe} with experts, ${layers.sliding} with a sliding window`],
    ["experts", experts.total > 0 ? expertsLine(experts) : "none"],
    ...Object.entries(dtypes).map(([dtype, { tensors, bytes: size }]) => {
      return ["on disk", `${plural(tensors, "tensor")} of ${dtype}, ${bytes(size)}`] as const;
    }),
  ] as const;
  const stored = Object.entries(weights).flatMap(([kind, formats]) =>
    Object.entries(formats).map(([format, { weights: count, bytes: size }]) => {
      return [kind, `${format.padEnd(FORMAT_WIDTH)} ${bytes(size).padStart(10)}  ${whole(count)} weights`] as const;
    }),
  );
  const needs = Object.entries(engines).map(([name, { weightBytes, decodedBytes, storage, experts: strategy }]) => {
    const decoded = decodedBytes > 0 ? `, ${bytes(decodedBytes)} decoded from quantised weights` : "";
    const size = bytes(weightBytes).padStart(10);
    return [name, `${size}  experts ${(strategy ?? "none").padEnd(8)}  ${storage}${decoded}`] as const;
  });
  return `${table(rows, colors.dim)}\nWeights in the files\n${table(stored, colors.dim)}\nWeights on each engine\n${table(needs, colors.dim)}\n${verdicts(result).join("\n")}\n`;
}

function expertsLine({ total, perToken, shared }: ModelInspection["experts"]): string {
  return `${total} in a layer, ${perToken} for each token${shared > 0 ? `, ${shared} shared` : ""}`;
}

/** Returns whether it loads, and if so whether it fits. */
function verdicts(result: InspectResult): string[] {
  const broken = faultLines(result.faults);
  const warnings = result.warnings.map(({ message }) => `${colors.yellow("warning:")} ${message}.`);
  if (broken.length === 0) return [...warnings, verdict(result)];
  const lines = [
    ...warnings,
    `${colors.red("It does not load")}: the config asks for other tensors.`,
    ...broken.map((line) => `  ${line}`),
  ];
  return result.engine.fits ? lines : [...lines, verdict(result)];
}

function verdict({ engine, engines }: InspectResult): string {
  const { name, description, memoryLimitBytes, memoryLimitReason, freeMemoryBytes, fits } = engine;
  const { weightBytes: needs, mapped, partialExperts } = needsOn(engines, name);
  const where = `${name} (${description})`;
  if (fits && partialExperts)
    return `${colors.yellow("It runs from its files")} on ${where}: ${aboutPartialExperts(partialExperts)}.`;
  if (fits && mapped && needs > freeMemoryBytes) {
    const slow = `${bytes(freeMemoryBytes)} of memory are free, so parts of it will be read again and again`;
    return `${colors.yellow("It runs from its files")} on ${where}: the weights take ${bytes(needs)}, and ${slow}.`;
  }
  if (fits) return `${colors.green("It fits")} ${where}: ${bytes(freeMemoryBytes)} of memory are free.`;
  const limited = memoryLimitBytes !== null && needs > memoryLimitBytes;
  const why = limited
    ? `it holds ${bytes(memoryLimitBytes)} (${memoryLimitReason})`
    : `${bytes(freeMemoryBytes)} of memory are free`;
  return `${colors.red("It does not fit")} ${where}: the weights take ${bytes(needs)}, and ${why}.`;
}

/** Describes the tensors that do not match, a line for each kind, with some of them. */
function faultLines({ missing, unexpected, misshaped }: ModelInspection["faults"]): string[] {
  const kinds: [what: string, names: readonly string[]][] = [
    ["missing", missing],
    ["that do not belong", unexpected],
    ["of another shape", misshaped.map(({ name, shape, expected }) => `${name} [${shape}] for [${expected}]`)],
  ];
  return kinds
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => {
      const some = names
        .slice(0, 3)
        .map((name) => safeName(name))
        .join(", ");
      return `${plural(names.length, "tensor")} ${what}: ${some}${names.length > 3 ? ", …" : ""}`;
    });
}
