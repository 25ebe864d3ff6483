import type { WeightScheme } from "./weight-scheme.js";

/** A module with a matrix, and the scheme of its weight; undefined if it stays as it is. */
export interface ModuleScheme {
  /** Path on disk. */
  readonly module: string;
  readonly scheme: WeightScheme | undefined;
  /** Number of values. */
  readonly size: number;
}

const FORMATS = { int: "pack-quantized", float: "float-quantized" } as const;

/** Modules that vLLM joins to one, whose own name it looks up. */
const JOINED: Readonly<Record<string, readonly string[]>> = {
  qkv_proj: ["q_proj", "k_proj", "v_proj"],
  gate_up_proj: ["gate_proj", "up_proj"],
};

/**
 * Returns `quantization_config` of `config.json` for weights in formats of compressed-tensors: `pack-quantized` for integers,
 * `float-quantized` for floats.
 *
 * The scheme of most values is that of the class `Linear`: vLLM and transformers look there for the scheme of fused experts. Other
 * schemes, and modules that stay as they are, go by regular expressions, which take precedence; transformers takes the first group
 * with another target than these for that of experts. Numbers in a path stand for any, unless modules of one kind have several
 * schemes.
 */
export function compressedTensorsConfig(modules: readonly ModuleScheme[]): Record<string, unknown> {
  const groups = new Map<string, { readonly scheme: WeightScheme; size: number; readonly targets: Set<string> }>();
  const ignore = new Set<string>();
  const pathOf = patterns(modules);
  for (const { module, scheme, size } of modules) {
    if (!scheme) {
      ignore.add(pathOf(module));
      continue;
    }
    const key = JSON.stringify(scheme);
    const group = groups.get(key) ?? { scheme, size: 0, targets: new Set() };
    groups.set(key, group);
    group.size += size;
    group.targets.add(pathOf(module));
  }
  const [main, ...others] = [...groups.values()].sort((a, b) => b.size - a.size);
  const embeddings = [...(main?.targets ?? [])].filter((path) => path.endsWith("embed_tokens"));
  const all = [
    ...others.map(({ scheme, targets }) => groupOf(scheme, joined(targets).map(expression))),
    ...(main ? [groupOf(main.scheme, [...embeddings.map(expression), "Linear"])] : []),
  ];
  const formats = new Set(all.map(({ format }) => format));
  return {
    quant_method: "compressed-tensors",
    format: formats.size === 1 ? [...formats][0] : "mixed-precision",
    quantization_status: "compressed",
    ignore: [...ignore].map((path) => (path.includes("\\") ? expression(path) : path)),
    kv_cache_scheme: null,
    config_groups: Object.fromEntries(all.map((group, i) => [`group_${i}`, group])),
  };
}

function groupOf({ type, bits, groupSize }: WeightScheme, targets: readonly string[]) {
  const isChannel = groupSize === "channel";
  return {
    targets,
    format: FORMATS[type],
    weights: {
      num_bits: bits,
      type,
      symmetric: true,
      strategy: isChannel ? "channel" : "group",
      group_size: isChannel ? null : groupSize,
      dynamic: false,
      actorder: null,
      block_structure: null,
      observer: "minmax",
      observer_kwargs: {},
    },
    input_activations: null,
    output_activations: null,
  };
}

/** Returns the source of an expression for a module: for all of its kind, or for it alone if these have several schemes. */
function patterns(modules: readonly ModuleScheme[]): (module: string) => string {
  const schemes = new Map<string, Set<string>>();
  for (const { module, scheme } of modules) {
    const kind = kindOf(module);
    schemes.set(kind, (schemes.get(kind) ?? new Set()).add(JSON.stringify(scheme) ?? "none"));
  }
  return (module) => (schemes.get(kindOf(module))!.size > 1 ? module.replaceAll(".", "\\.") : kindOf(module));
}

function kindOf(module: string): string {
  return module
    .split(".")
    .map((part) => (/^\d+$/.test(part) ? "\\d+" : part))
    .join("\\.");
}

/** Replaces paths of modules that vLLM joins, if all of their parts are there, by one for the parts and the whole. */
function joined(paths: ReadonlySet<string>): readonly string[] {
  const left = new Set(paths);
  for (const [whole, parts] of Object.entries(JOINED))
    for (const path of paths) {
      const parent = path.slice(0, path.length - parts[0]!.length);
      const all = parts.map((part) => parent + part);
      if (all[0] !== path || !all.every((part) => paths.has(part))) continue;
      for (const part of all) left.delete(part);
      left.add(`${parent}(?:${[...parts, whole].join("|")})`);
    }
  return [...left];
}

function expression(path: string): string {
  return `re:${path}$`;
}
