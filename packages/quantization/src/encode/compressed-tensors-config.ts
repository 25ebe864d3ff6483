import type { IntegerScheme } from "./integer-scheme.js";

/** A module with a matrix, and the scheme of its weight; undefined if it stays as it is. */
export interface ModuleScheme {
  readonly module: string;
  readonly scheme: IntegerScheme | undefined;
  /** Number of values. */
  readonly size: number;
}

/** Modules that vLLM joins into one, which must have one scheme. Joined modules are looked up by their own names. */
const JOINED: Readonly<Record<string, readonly string[]>> = {
  qkv_proj: ["q_proj", "k_proj", "v_proj"],
  gate_up_proj: ["gate_proj", "up_proj"],
};

/**
 * Returns `quantization_config` of `config.json` for weights in the format `pack-quantized` of compressed-tensors.
 *
 * Targets are regular expressions of paths in which numbers stand for any; a path of its own where modules of one kind differ.
 * The scheme of most values is that of the class `Linear` too, which is where vLLM looks for the scheme of fused experts; its
 * group is the first, since transformers takes the first one that names experts.
 */
export function compressedTensorsConfig(modules: readonly ModuleScheme[]): Record<string, unknown> {
  const patternOf = patterns(modules);
  const groups = new Map<string, { readonly scheme: IntegerScheme; size: number; readonly targets: Set<string> }>();
  const ignore = new Set<string>();
  for (const { module, scheme, size } of modules) {
    const key = JSON.stringify(scheme);
    if (!scheme) ignore.add(patternOf(module));
    else {
      const group = groups.get(key) ?? { scheme, size: 0, targets: new Set() };
      groups.set(key, group);
      group.size += size;
      group.targets.add(patternOf(module));
    }
  }
  const [main, ...others] = [...groups.values()].sort((a, b) => b.size - a.size);
  const all = main ? [{ ...main, targets: new Set(["Linear", ...main.targets]) }, ...others] : [];
  return {
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    quantization_status: "compressed",
    ignore: [...ignore],
    kv_cache_scheme: null,
    config_groups: Object.fromEntries(
      all.map(({ scheme, targets }, i) => [`group_${i}`, groupOf(scheme, [...targets, ...joined(targets)])]),
    ),
  };
}

function groupOf({ bits, groupSize }: IntegerScheme, targets: readonly string[]): Record<string, unknown> {
  const isChannel = groupSize === "channel";
  return {
    targets,
    format: "pack-quantized",
    weights: {
      num_bits: bits,
      type: "int",
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

/** Returns the target of a module: a pattern of all modules of its kind, or its path if these have several schemes. */
function patterns(modules: readonly ModuleScheme[]): (module: string) => string {
  const schemes = new Map<string, Set<string>>();
  for (const { module, scheme } of modules) {
    const kind = kindOf(module);
    schemes.set(kind, (schemes.get(kind) ?? new Set()).add(JSON.stringify(scheme) ?? "none"));
  }
  return (module) => (schemes.get(kindOf(module))!.size > 1 ? module : `re:${kindOf(module)}$`);
}

function kindOf(module: string): string {
  return module
    .split(".")
    .map((part) => (/^\d+$/.test(part) ? String.raw`\d+` : part))
    .join(String.raw`\.`);
}

/** Returns the targets of modules that vLLM joins, if all of their parts are targets. */
function joined(targets: ReadonlySet<string>): string[] {
  return Object.entries(JOINED).flatMap(([name, [first, ...others]]) => {
    const of = (target: string, part: string): string => target.replace(new RegExp(`\\b${first}(\\$?)$`), `${part}$1`);
    return [...targets]
      .filter((target) => of(target, "") !== target && others.every((part) => targets.has(of(target, part))))
      .map((target) => of(target, name));
  });
}
