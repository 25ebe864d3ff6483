/** `sample-generate inspect`: what it does. */

import { type Engine, type EngineName, inspectModel, type ModelInspection, useEngine } from "@mixtape/mixtape";
import { colorsFor } from "../colors.js";
import { bytes, plural, short, table, whole } from "../format.js";
import { checkFolder } from "../load.js";

const colors = colorsFor(process.stdout);

/** The flags of `sample-generate inspect`. */
export interface InspectFlags {
  readonly model: string;
  readonly engine: EngineName | "auto";
  readonly ignore?: readonly string[];
  readonly json?: boolean;
}

/** What `--json` prints: what the checkpoint is, and whether it fits the engine. */
interface InspectResult extends ModelInspection {
  /** The folder, as given. */
  readonly model: string;
  readonly engine: {
    readonly name: EngineName;
    readonly description: string;
    /** Null where only the machine's memory limits it. */
    readonly memoryLimitBytes: number | null;
    readonly memoryLimitReason: string | null;
    /** What the machine has left. */
    readonly freeMemoryBytes: number;
    /** Whether the weights are within both. */
    readonly fits: boolean;
  };
}

/** Says what a checkpoint is, and whether it fits. */
export async function inspect({ model, engine, ignore, json }: InspectFlags): Promise<void> {
  checkFolder(model);
  const inspection = await inspectModel(model, { ignore });
  const result = { model, ...inspection, engine: fit(inspection, await useEngine(engine)) };
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : describe(result));
}

function fit({ engines }: ModelInspection, { name, description, memoryLimit }: Engine): InspectResult["engine"] {
  const freeMemoryBytes = process.availableMemory();
  return {
    name,
    description,
    memoryLimitBytes: memoryLimit?.bytes ?? null,
    memoryLimitReason: memoryLimit?.why ?? null,
    freeMemoryBytes,
    fits: engines[name].weightBytes <= Math.min(freeMemoryBytes, memoryLimit?.bytes ?? Infinity),
  };
}

function describe(result: InspectResult): string {
  const { model, modelType, parameters, layers, experts, dtypes, engines } = result;
  const share = ((100 * parameters.active) / parameters.total).toFixed(0);
  const rows = [
    ["checkpoint", model],
    ["family", modelType],
    ["parameters", `${short(parameters.total)} (${whole(parameters.total)})`],
    ["per token", `${short(parameters.active)} (${whole(parameters.active)}, ${share} %)`],
    ["layers", `${layers.total}, ${layers.moe} with experts, ${layers.sliding} with a sliding window`],
    ["experts", experts.total > 0 ? expertsLine(experts) : "none"],
    ...Object.entries(dtypes).map(([dtype, { tensors, bytes: size }]) => {
      return ["on disk", `${plural(tensors, "tensor")} of ${dtype}, ${bytes(size)}`] as const;
    }),
  ] as const;
  const needs = Object.entries(engines).map(([name, { weightBytes, storage, experts: strategy }]) => {
    return [name, `${bytes(weightBytes).padStart(10)}  experts ${(strategy ?? "none").padEnd(8)}  ${storage}`] as const;
  });
  return `${table(rows, colors.dim)}\nWeights on each engine\n${table(needs, colors.dim)}\n${verdict(result)}\n`;
}

function expertsLine({ total, perToken, shared }: ModelInspection["experts"]): string {
  return `${total} in a layer, ${perToken} for each token${shared > 0 ? `, ${shared} shared` : ""}`;
}

function verdict({ engine, engines }: InspectResult): string {
  const { name, description, memoryLimitBytes, memoryLimitReason, freeMemoryBytes, fits } = engine;
  const needs = engines[name].weightBytes;
  const where = `${name} (${description})`;
  if (fits) return `${colors.green("It fits")} ${where}: ${bytes(freeMemoryBytes)} of memory are free.`;
  const limited = memoryLimitBytes !== null && needs > memoryLimitBytes;
  const why = limited
    ? `it holds ${bytes(memoryLimitBytes)} (${memoryLimitReason})`
    : `${bytes(freeMemoryBytes)} of memory are free`;
  return `${colors.red("It does not fit")} ${where}: the weights take ${bytes(needs)}, and ${why}.`;
}
