/**
 * Generates LoRA adapters by grammar, with the tensors that their configs require: of dtypes, ranks and targets that
 * nobody ships.
 */

import type { Random } from "./random.js";
import { fileOf } from "./safetensors-file.js";

/** Rows and columns of the linear layers of the small model that adapters are loaded onto. */
const SHAPES: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  q_proj: [32, 32],
  k_proj: [16, 32],
  v_proj: [16, 32],
  o_proj: [32, 32],
};
const LAYERS = 3;
const VOCABULARY = 97;
const HIDDEN = 32;
const BYTES = { F32: 4, F16: 2, BF16: 2, F64: 8 } as const;

/** Generates an adapter for the small Mixtral. */
export function adapter(random: Random): { readonly config: string; readonly tensors: Uint8Array } {
  const names = Object.keys(SHAPES).filter(() => random.chance(0.5));
  const targets = names.length === 0 ? ["q_proj"] : names;
  const rank = 1 + random.below(8);
  const layers = random.chance(0.2) ? [random.below(LAYERS)] : undefined;
  const ranks: Record<string, number> = random.chance(0.3) ? { [random.pick(targets)]: 1 + random.below(6) } : {};
  const isDora = random.chance(0.2);
  const savesHead = random.chance(0.15);
  const config = {
    peft_type: "LORA",
    task_type: random.pick(["CAUSAL_LM", null]),
    base_model_name_or_path: random.pick(["mixtral/basic", null, ""]),
    r: rank,
    lora_alpha: random.pick([rank, 2 * rank, 0, 1, 0.5, 1e6, -1]),
    lora_dropout: random.pick([0, 0.05, 0.5]),
    target_modules: random.pick([
      targets,
      targets.map((name) => `self_attn.${name}`),
      `.*self_attn\\.(${targets.join("|")})$`,
    ]),
    bias: "none",
    use_rslora: random.chance(0.3),
    use_dora: isDora,
    rank_pattern: ranks,
    alpha_pattern: random.chance(0.3) ? { [random.pick(targets)]: random.pick([1, 0, 64]) } : {},
    ...(layers && { layers_to_transform: random.pick([layers, layers[0]]) }),
    ...(savesHead && { modules_to_save: ["lm_head"] }),
    init_lora_weights: random.pick([true, false, "gaussian"]),
    fan_in_fan_out: false,
    inference_mode: random.chance(0.5),
    ...(random.chance(0.2) && { exclude_modules: random.pick([null, [], ["lm_head"], "lm_head"]) }),
  };
  const dtype = random.pick(Object.keys(BYTES) as (keyof typeof BYTES)[]);
  const shapes: [string, number[]][] = [];
  for (const layer of layers ?? Array.from({ length: LAYERS }, (_, i) => i))
    for (const name of targets) {
      const [rows, columns] = SHAPES[name]!;
      const at = `base_model.model.model.layers.${layer}.self_attn.${name}`;
      const own = ranks[name] ?? rank;
      shapes.push([`${at}.lora_A.weight`, [own, columns]], [`${at}.lora_B.weight`, [rows, own]]);
      if (isDora) shapes.push([`${at}.lora_magnitude_vector`, [rows]]);
    }
  if (savesHead) shapes.push(["base_model.model.lm_head.weight", [VOCABULARY, HIDDEN]]);
  return { config: JSON.stringify(config), tensors: tensorsOf(shapes, dtype, random) };
}

function tensorsOf(shapes: readonly [string, number[]][], dtype: keyof typeof BYTES, random: Random): Uint8Array {
  const header: Record<string, object> = { __metadata__: { format: "pt" } };
  let end = 0;
  for (const [name, shape] of shapes) {
    const begin = end;
    end += shape.reduce((product, size) => product * size, BYTES[dtype]);
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  // Arbitrary bytes are arbitrary numbers, NaN and infinities among them; or small ones.
  const data = new Uint8Array(end);
  if (random.chance(0.3)) for (let i = 0; i < end; i++) data[i] = random.below(256);
  else if (dtype === "F32")
    data.set(new Uint8Array(Float32Array.from({ length: end / 4 }, () => random.next() - 0.5).buffer));
  return fileOf(JSON.stringify(header), data);
}
