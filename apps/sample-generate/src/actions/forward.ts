/** `sample-generate forward`: what it does. */

import { InputError, Interrupt, note, plural, seconds } from "@mixtape/command-line";
import { checkFolder, type LoadFlags, load } from "@mixtape/command-line/load";
import type { CausalLMInputs, CausalLMOutput } from "@mixtape/mixtape";
import { openSafetensors, type TensorSource, type TensorToWrite, writeSafetensors } from "@mixtape/safetensors";
import { checkOutputFile } from "../output-file.js";

/** The flags of `sample-generate forward`. */
export interface ForwardFlags extends LoadFlags {
  readonly inputs: string;
  readonly outputs: string;
}

/** Runs one forward pass from file to file. */
export async function forward(flags: ForwardFlags): Promise<void> {
  using interrupt = new Interrupt();
  const inputs = await readInputs(flags.inputs);
  checkFolder(flags.model);
  checkOutputFile(flags.outputs, {
    flag: "--outputs",
    model: flags.model,
    input: { flag: "--inputs", path: flags.inputs },
  });
  const { engine, model, loadMs } = await load(flags, interrupt);
  const begin = performance.now();
  const tensors = await tensorsOf(model.forward({ ...inputs, outputHiddenStates: true, outputRouterLogits: true }));
  const forwardMs = performance.now() - begin;
  await writeSafetensors(flags.outputs, tensors, { metadata: { format: "pt" } });
  const took = `${seconds(loadMs)} to load, ${seconds(forwardMs)} to compute`;
  process.stderr.write(`${plural(tensors.length, "tensor")} in ${flags.outputs}; ${engine.name}, ${took}\n`);
}

const KNOWN = ["input_ids", "attention_mask", "position_ids", "labels"] as const;

async function readInputs(path: string): Promise<CausalLMInputs> {
  const file = await openSafetensors(path);
  try {
    if (!file.has("input_ids"))
      throw new InputError({ where: path, expected: "a tensor input_ids", got: listOf(file.names) });
    const others = file.names.filter((name) => !KNOWN.some((known) => known === name));
    if (others.length > 0) note(`${path}: ${plural(others.length, "tensor")} not read: ${listOf(others)}`);
    const [inputIds, attentionMask, positionIds, labels] = await Promise.all(
      KNOWN.map((name) => readRows(file, name, path)),
    );
    return { inputIds: inputIds!, attentionMask, positionIds, labels };
  } finally {
    await file.close();
  }
}

/** The first of some names. */
function listOf(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
}

/** A tensor `[B, L]` of whole numbers as rows; undefined where the file has none of this name. */
async function readRows(file: TensorSource, name: string, path: string): Promise<number[][] | undefined> {
  if (!file.has(name)) return undefined;
  const tensor = file.tensor(name);
  const { dtype, shape } = tensor;
  const [rows, length] = shape;
  if ((dtype !== "I64" && dtype !== "I32") || shape.length !== 2 || !rows || !length)
    throw new InputError({
      where: `${path}: ${name}`,
      expected: "whole numbers, I64 or I32, [batch, length]",
      got: `${dtype} [${shape}]`,
    });
  const data = await tensor.read();
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const at = (i: number): number =>
    dtype === "I64" ? Number(view.getBigInt64(i * 8, true)) : view.getInt32(i * 4, true);
  return Array.from({ length: rows }, (_, row) => Array.from({ length }, (_, column) => at(row * length + column)));
}

async function tensorsOf(output: CausalLMOutput): Promise<TensorToWrite[]> {
  const { logits, loss, auxLoss, hiddenStates = [], routerLogits = [] } = output;
  const named = [
    ["logits", logits] as const,
    ...(loss ? [["loss", loss] as const] : []),
    ...(auxLoss ? [["aux_loss", auxLoss] as const] : []),
    ...hiddenStates.map((tensor, n) => [`hidden_states.${n}`, tensor] as const),
    ...routerLogits.map((tensor, n) => [`router_logits.${n}`, tensor] as const),
  ];
  return Promise.all(
    named.map(async ([name, tensor]) => {
      const { buffer, byteOffset, byteLength } = await tensor.data<"float32">();
      return {
        name,
        dtype: "F32" as const,
        shape: tensor.shape,
        bytes: new Uint8Array(buffer, byteOffset, byteLength),
      };
    }),
  );
}
