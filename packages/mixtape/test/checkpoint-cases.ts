/**
 * Checkpoints as people have them, against what transformers makes of them: `tools/reference/golden_checkpoints.py` made the
 * cases, each an edit of a golden checkpoint, and asked the reference.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  type Dtype,
  encodeSafetensors,
  fromFloat32,
  openCheckpoint,
  type TensorToWrite,
  toFloat32,
} from "@mixtape/safetensors";
import { fixture } from "@mixtape/testing";
import { tidy } from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import { type ForCausalLM, type LoadWarning, loadModel, MixtapeError } from "../src/index.js";
import { filesOf, golden } from "./files.js";

type Edit =
  | { readonly rename: string; readonly to: string }
  | { readonly drop: string }
  | { readonly cast: string; readonly dtype: "bfloat16" | "float32" }
  | { readonly add: string; readonly of: string; readonly times: number }
  | { readonly add: string; readonly shape: readonly number[] };

export interface Case {
  readonly name: string;
  readonly base?: string;
  readonly set?: Readonly<Record<string, unknown>>;
  readonly drop?: readonly string[];
  readonly tensors?: readonly Edit[];
  readonly reference:
    | { readonly error: string }
    | { readonly missing: readonly string[] }
    | {
        readonly unexpected: readonly string[];
        readonly tied: boolean;
        readonly logits: readonly number[];
      };
}

const FAMILIES = ["mixtral", "qwen3-moe", "afmoe"] as const;
const file = JSON.parse(gunzipSync(readFileSync(fixture("checkpoints.json.gz"))).toString()) as {
  readonly prompt: readonly number[];
} & Readonly<Record<(typeof FAMILIES)[number], readonly Case[]>>;

/** The cases of each family. */
export const CASES = FAMILIES.flatMap((family) => file[family].map((one) => [family, one.name, one] as const));

/** Loads a case as the reference did, and compares what came of it. */
export async function compare(family: string, name: string, one: Case): Promise<void> {
  const warnings: LoadWarning[] = [];
  const outcome = await load(family, one, (warning) => warnings.push(warning));
  const { reference } = one;
  if ("logits" in reference && !(name in REFUSED) && !(`${family}: ${name}` in REFUSED)) {
    if (outcome instanceof MixtapeError) throw outcome;
    for (const [i, value] of reference.logits.entries()) expect(outcome.logits[i]).toBeCloseTo(value, 3);
    expect(outcome.tied).toBe(reference.tied);
    const unused = warnings.flatMap(({ kind, names }) => (kind === "unused-tensors" ? names : []));
    // Of an expert's block the reference tells the names in memory, not those of the file.
    const unexpected = reference.unexpected.filter((tensor) => !/\.mlp\.(gate|experts)\./.test(tensor));
    expect(unused).toEqual(expect.arrayContaining(unexpected));
  } else if (!(name in LOADED)) {
    expect(outcome).toBeInstanceOf(MixtapeError);
  }
}

interface Outcome {
  /** Of the token after the prompt. */
  readonly logits: readonly number[];
  readonly tied: boolean;
}

/** Loads a case and runs it, or returns the error. */
async function load(
  family: string,
  one: Case,
  onWarning: (warning: LoadWarning) => void,
): Promise<Outcome | MixtapeError> {
  try {
    // As AutoModelForCausalLM, which made the reference, whatever class `architectures` names.
    const model = await loadModel(await make(family, one), { task: "text-generation", onWarning });
    const outcome = run(model);
    model.dispose();
    return outcome;
  } catch (error) {
    if (error instanceof MixtapeError) return error;
    throw error;
  }
}

function run(model: ForCausalLM): Outcome {
  const logits = tidy(() => model.forward({ inputIds: [file.prompt], logitsToKeep: 1 }).logits.dataSync());
  return { logits: [...logits], tied: model.lmHead === null };
}

/** The files of a case. */
async function make(
  family: string,
  { base = "basic", set, drop = [], tensors = [] }: Case,
): Promise<Map<string, Blob | Uint8Array>> {
  const folder = golden(`${family}/${base}`);
  const json = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
  const kept = Object.entries(json).filter(([key]) => !drop.includes(key));
  // Not a spread alone: `__proto__` must stay a key.
  const config = Object.fromEntries([...new Map([...kept, ...Object.entries(set ?? {})])]);
  const files = new Map<string, Blob | Uint8Array>(filesOf(folder));
  files.set("config.json", new TextEncoder().encode(JSON.stringify(config)));
  if (tensors.length === 0) return files;
  const source = await openCheckpoint(folder);
  let all: TensorToWrite[] = await Promise.all(
    source.names.map(async (name) => {
      const { dtype, shape, read } = described(source.tensor(name));
      return { name, dtype, shape, bytes: await read() };
    }),
  );
  await source.close();
  for (const edit of tensors) all = apply(edit, all);
  files.set("model.safetensors", await encodeSafetensors(all));
  return files;
}

function described(view: { dtype: Dtype; shape: readonly number[]; read(): Promise<Uint8Array> }) {
  return { dtype: view.dtype, shape: view.shape, read: () => view.read() };
}

function apply(edit: Edit, all: readonly TensorToWrite[]): TensorToWrite[] {
  if ("rename" in edit) return all.map((one) => ({ ...one, name: one.name.replace(new RegExp(edit.rename), edit.to) }));
  if ("drop" in edit) return all.filter(({ name }) => !new RegExp(edit.drop).test(name));
  if ("cast" in edit) return all.map((one) => (new RegExp(edit.cast).test(one.name) ? cast(one, edit.dtype) : one));
  const values =
    "of" in edit
      ? floatsOf(all.find(({ name }) => name === edit.of)!).map((value) => value * edit.times)
      : new Float32Array(edit.shape.reduce((n, m) => n * m, 1)).fill(1);
  const shape = "of" in edit ? all.find(({ name }) => name === edit.of)!.shape : edit.shape;
  return [...all, { name: edit.add, dtype: "F32", shape, bytes: new Uint8Array(values.buffer) }];
}

function floatsOf({ bytes, dtype }: TensorToWrite): Float32Array<ArrayBuffer> {
  return Float32Array.from(toFloat32(bytes as Uint8Array, dtype));
}

function cast(one: TensorToWrite, dtype: "bfloat16" | "float32"): TensorToWrite {
  const values = floatsOf(one);
  if (dtype === "float32") return { ...one, dtype: "F32", bytes: new Uint8Array(values.buffer) };
  return { ...one, dtype: "BF16", bytes: fromFloat32(values, "BF16") };
}

/** Cases that the reference runs and that are refused here, each for its reason. */
const REFUSED: Readonly<Record<string, string>> = {
  "scales of quantisation": "the reference computes with the payload alone, which is no model",
  "quantisation by FP8": "weights are quantised in a way that config.json does not describe",
  mlp_bias: "asks for biases that the reference leaves out",
  "attention_bias without biases": "asks for biases that the reference leaves out",
  "qwen3-moe: mlp_layer_types": "contradicts the number of layers",
  "afmoe: mlp_layer_types": "contradicts num_dense_layers",
  "layer_types unknown": "asks for other layers",
  "sliding_window of 0": "a window that sees nothing",
  "head_dim 0": "a width of nothing",
  "both names of the experts, different": "which of the two holds depends on the family in the reference",
  "rope: parameters for each type of layer": "asks for two rotations, of which the reference uses neither",
  qkv_bias: "asks for biases that the reference leaves out",
  "shared experts": "asks for experts that the reference leaves out",
  "no qk norm": "asks for another attention",
  "score_func softmax": "asks for another router",
  "route_norm false": "asks for another router",
  groups: "asks for another router",
};

/** Cases that the reference stops at and that have one meaning all the same. */
const LOADED: Readonly<Record<string, string>> = {
  "rms_norm_eps as an integer": "JavaScript reads 1 and 1.0 alike",
  "initializer_range as an integer": "JavaScript reads 1 and 1.0 alike",
  "router_aux_loss_coef as an integer": "JavaScript reads 0 and 0.0 alike",
  "a whole fraction for a count": "JavaScript reads 1 and 1.0 alike",
  "rope: theta is null": "null is the default",
  "rope: yarn with original length null": "null is the default",
  "rope: type null": "null is the default",
  "attention_dropout is null": "null is the default",
  "head_dim null": "null is the default",
  "head_dim is null": "null is the default",
  "all below transformer.": "the prefix of Qwen3-MoE's question answerers, whose decoder serves other heads",
  "experts under another name": "the other families' name for the same count",
};
