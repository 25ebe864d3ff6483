/** `sample-generate forward` */

import type { CausalLMInputs, CausalLMOutput } from "@mixtape/mixtape";
import { openSafetensors, type TensorSource, type TensorToWrite, writeSafetensors } from "@mixtape/safetensors";
import { Command } from "commander";
import { colors } from "../colors.js";
import { InputError } from "../failure.js";
import { checkOption, debugOption, engineOption, given, modelOption } from "../flags.js";
import { plural, seconds } from "../format.js";
import { Interrupt } from "../interrupt.js";
import { type LoadFlags, load } from "../load.js";
import { someText } from "../values.js";

interface ForwardFlags extends LoadFlags {
  readonly inputs: string;
  readonly outputs: string;
}

const EXAMPLES = `
Example:
  sample-generate forward --model DIR --inputs in.safetensors --outputs out.safetensors

  In Python, the inputs and the reference's answer to compare with:
    save_file({"input_ids": ids}, "in.safetensors")
    model(input_ids=ids, output_hidden_states=True, output_router_logits=True)

Inputs, I64 or I32, [batch, length]: input_ids; attention_mask, position_ids and labels where wanted.
Outputs, F32: logits; hidden_states.0 to hidden_states.N, the last after the final norm; router_logits.N for each layer
with experts; aux_loss where the family has one; loss with labels, the auxiliary loss included.`;

export function forwardCommand(): Command {
  return new Command("forward")
    .description(
      "Run one forward pass from a file of inputs to a file of outputs, to compare with another implementation.",
    )
    .usage("--model <dir> --inputs <file> --outputs <file> [options]")
    .addOption(modelOption())
    .option("--inputs <file>", "safetensors to read", someText)
    .option("--outputs <file>", "safetensors to write", someText)
    .addOption(engineOption())
    .addOption(checkOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action((flags: Partial<ForwardFlags> & Pick<ForwardFlags, "engine">) =>
      forward({
        ...flags,
        model: given(flags.model, "--model DIR"),
        inputs: given(flags.inputs, "--inputs IN.safetensors"),
        outputs: given(flags.outputs, "--outputs OUT.safetensors"),
      }),
    );
}

async function forward(flags: ForwardFlags): Promise<void> {
  using interrupt = new Interrupt();
  const inputs = await readInputs(flags.inputs);
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
    const others = file.names.filter((name) => !KNOWN.some((known) => known === name));
    if (others.length > 0) {
      const some = others.slice(0, 5).join(", ") + (others.length > 5 ? ", …" : "");
      process.stderr.write(`${colors.yellow("note:")} ${path}: ${plural(others.length, "tensor")} not read: ${some}\n`);
    }
    const [inputIds, attentionMask, positionIds, labels] = await Promise.all(
      KNOWN.map((name) => readRows(file, name, path)),
    );
    if (!inputIds) {
      const got = file.names.slice(0, 5).join(", ") || "none";
      throw new InputError({ where: path, expected: "a tensor input_ids", got });
    }
    return { inputIds, attentionMask, positionIds, labels };
  } finally {
    await file.close();
  }
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
