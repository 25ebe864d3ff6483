/** Forward passes in this browser, compared with the reference. `scripts/verify.js` runs it. */

import { type CausalLMInputs, type EngineName, loadModel, useEngine } from "@mixtape/mixtape";
import { openSafetensors, type TensorSource, toFloat32 } from "@mixtape/safetensors";

/** URLs of a checkpoint with random weights, and of the reference's output for it. */
export interface GoldenPlace {
  readonly checkpoint: string;
  readonly golden: string;
}

/** Difference of the logits from the reference's. */
export interface Difference {
  readonly engine: string;
  readonly shape: readonly number[];
  /** Infinity if the shapes differ or a logit is NaN. */
  readonly largest: number;
}

/** Runs one forward pass of a golden checkpoint on an engine. */
export async function compare(name: EngineName, { checkpoint, golden }: GoldenPlace): Promise<Difference> {
  const { description } = await useEngine(name, { wasmPath: new URL("wasm/", document.baseURI).href });
  const model = await loadModel(new URL(checkpoint, document.baseURI));
  const file = await openSafetensors(new URL(golden, document.baseURI));
  try {
    const { logits } = model.forward(await inputsOf(file));
    const actual = await logits.data<"float32">();
    const { shape } = logits;
    logits.dispose();
    const expected = file.tensor("logits");
    const values = toFloat32(await expected.read(), expected.dtype);
    const sameShape = shape.join() === expected.shape.join();
    return { engine: description, shape, largest: sameShape ? largestDifference(actual, values) : Infinity };
  } finally {
    await file.close();
    model.dispose();
  }
}

async function inputsOf(file: TensorSource): Promise<CausalLMInputs> {
  return {
    inputIds: (await rowsOf(file, "input_ids"))!,
    attentionMask: await rowsOf(file, "attention_mask"),
    positionIds: await rowsOf(file, "position_ids"),
    outputRouterLogits: false,
  };
}

async function rowsOf(file: TensorSource, name: string): Promise<number[][] | undefined> {
  if (!file.has(name)) return undefined;
  const view = file.tensor(name);
  const [rows, length] = view.shape as [number, number];
  const values = toFloat32(await view.read(), view.dtype);
  return Array.from({ length: rows }, (_, row) => [...values.subarray(row * length, (row + 1) * length)]);
}

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  let largest = 0;
  for (const [i, value] of expected.entries()) {
    const difference = Math.abs(actual[i]! - value);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}
