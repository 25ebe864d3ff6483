/** Action of `sample-generate forward`. */

import { Interrupt, plural, seconds } from "@mixtape/command-line";
import { checkModel, type LoadFlags, load } from "@mixtape/command-line/load";
import { type Task, taskOf } from "@mixtape/mixtape";
import { openSafetensors, type TensorToWrite, writeSafetensors } from "@mixtape/safetensors";
import { readForwardInputs } from "../forward-inputs.js";
import { checkOutputFile } from "../output-file.js";

/** Flags of `sample-generate forward`. */
export interface ForwardFlags extends LoadFlags {
  readonly inputs: string;
  readonly outputs: string;
  readonly task?: Task;
}

/** Runs one forward pass from file to file. */
export async function forward(flags: ForwardFlags): Promise<void> {
  using interrupt = new Interrupt();
  await checkInputs(flags.inputs);
  checkModel(flags.model);
  checkOutputFile(flags.outputs, {
    flag: "--outputs",
    model: flags.model,
    input: { flag: "--inputs", path: flags.inputs },
  });
  const { task = "auto", ...loading } = flags;
  const { engine, model, loadMs } = await load(loading, interrupt, task);
  const head = taskOf(model)!;
  const inputs = await readForwardInputs(flags.inputs, head);
  // Heads in transformers return no router logits.
  const outputRouterLogits = head === "text-generation" || head === "feature-extraction";
  const begin = performance.now();
  // The inputs were read for this head.
  const run = model as unknown as { forward(inputs: object): Output };
  const tensors = await tensorsOf(run.forward({ ...inputs, outputHiddenStates: true, outputRouterLogits }));
  const forwardMs = performance.now() - begin;
  await writeSafetensors(flags.outputs, tensors, { metadata: { format: "pt" } });
  const took = `${seconds(loadMs)} to load, ${seconds(forwardMs)} to compute`;
  process.stderr.write(`${plural(tensors.length, "tensor")} in ${flags.outputs}; ${engine.name}, ${took}\n`);
}

/** An output tensor. */
interface Computed {
  readonly shape: readonly number[];
  data(): Promise<ArrayBufferView>;
}

/** Outputs of a model with any head. */
type Output = Readonly<Record<string, Computed | readonly Computed[] | undefined>>;

/** Opens the file of inputs, before a model is loaded. */
async function checkInputs(path: string): Promise<void> {
  const file = await openSafetensors(path);
  await file.close();
}

/** Outputs in file order. */
const FIELDS = {
  logits: "logits",
  startLogits: "start_logits",
  endLogits: "end_logits",
  lastHiddenState: "last_hidden_state",
  loss: "loss",
  auxLoss: "aux_loss",
  hiddenStates: "hidden_states",
  routerLogits: "router_logits",
};

async function tensorsOf(output: Output): Promise<TensorToWrite[]> {
  const named = Object.entries(FIELDS).flatMap(([field, name]): (readonly [string, Computed])[] => {
    const value = output[field];
    if (value === undefined) return [];
    return "data" in value ? [[name, value]] : value.map((tensor, n) => [`${name}.${n}`, tensor] as const);
  });
  return Promise.all(
    named.map(async ([name, tensor]) => {
      const { buffer, byteOffset, byteLength } = await tensor.data();
      return {
        name,
        dtype: "F32" as const,
        shape: tensor.shape,
        bytes: new Uint8Array(buffer, byteOffset, byteLength),
      };
    }),
  );
}
