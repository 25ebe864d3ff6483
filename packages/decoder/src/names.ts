/**
 * How parameters are called on disk.
 *
 * A parameter's name in memory is its path of fields; most are on disk under the same name. What differs is a list of rules,
 * each of which says for a parameter (by the end of its name) where its values lie on disk. The first place is where it is
 * saved; the others are also accepted. So the same list loads and saves.
 */

/** Where the values of a parameter lie on disk, relative to the part of its name that the rule does not cover. */
export type Place =
  | OwnPlace
  /** Equal part `part` of `of` along the second axis of one tensor. */
  | { readonly kind: "part"; readonly name: string; readonly part: number; readonly of: number };

/** A place that holds one parameter and nothing else, so that it can be saved there. */
export type OwnPlace =
  /** One tensor, as it is. */
  | { readonly kind: "tensor"; readonly name: string }
  /** One tensor per index of the first axis: `*` in the name is the index. */
  | { readonly kind: "stack"; readonly name: string };

/** For parameters whose name ends with `param`: where they lie. */
export interface NameRule {
  readonly param: string;
  /** The first is where it is saved; all are accepted. */
  readonly places: readonly [OwnPlace, ...Place[]];
}

/** One tensor of that name. */
export const tensor = (name: string): OwnPlace => ({ kind: "tensor", name });

/** One tensor per expert; `*` is the expert. */
export const perExpert = (name: string): OwnPlace => ({ kind: "stack", name });

/** Equal part `part` of `of` along the second axis, as gate and up lie in `gate_up_proj` `[E, 2I, M]`. */
export const partOf = (name: string, part: number, of: number): Place => ({ kind: "part", name, part, of });

/** The parameter `param` lies at the first place, or at one of the others. */
export const rule = (param: string, ...places: [OwnPlace, ...Place[]]): NameRule => ({ param, places });

/**
 * Rules for the experts of an MoE block at `block` in memory: one matrix per expert on disk, under the names given, or the
 * stacks that transformers 5 holds in memory, gate and up as one. Either may lie in the block's name on disk or in memory.
 */
export function expertRules({ block = "mlp", disk = block, gate, up, down }: ExpertNames): NameRule[] {
  const blocks = disk === block ? [disk] : [disk, block];
  const places = (name: string, fused: (in_: string) => Place): [OwnPlace, ...Place[]] => {
    const [own, ...others] = blocks.map((in_) => perExpert(`${in_}.experts.*.${name}.weight`)) as [
      OwnPlace,
      ...Place[],
    ];
    return [own, ...others, ...blocks.map(fused)];
  };
  const half = (part: number) => (in_: string) => partOf(`${in_}.experts.gate_up_proj`, part, 2);
  return [
    rule(`${block}.experts.gate_proj`, ...places(gate, half(0))),
    rule(`${block}.experts.up_proj`, ...places(up, half(1))),
    rule(`${block}.experts.down_proj`, ...places(down, (in_) => tensor(`${in_}.experts.down_proj`))),
  ];
}

/** What the matrices of experts are called on disk. */
export interface ExpertNames {
  /** The block in memory. */
  readonly block?: string;
  /** The block on disk, where it differs. */
  readonly disk?: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}

/** Where a parameter lies, with whole names. */
export function placesOf(name: string, rules: readonly NameRule[]): NameRule["places"] {
  const found = rules.find(({ param }) => name === param || name.endsWith(`.${param}`));
  if (!found) return [{ kind: "tensor", name }];
  const prefix = name.slice(0, name.length - found.param.length);
  return found.places.map((place) => ({ ...place, name: prefix + place.name })) as [OwnPlace, ...Place[]];
}

/** The names on disk of a place that holds `count` matrices, if it is a stack. */
export function namesAt(place: Place, count: number): string[] {
  if (place.kind !== "stack") return [place.name];
  return Array.from({ length: count }, (_, i) => place.name.replace("*", String(i)));
}
