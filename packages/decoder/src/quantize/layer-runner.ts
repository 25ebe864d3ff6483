import { keep, type Tensor, type Tensor3D, tensor3d } from "@tensorflow/tfjs-core";
import type { DecoderModel } from "../decoder-model.js";

/**
 * Runs the layers of a decoder one at a time on the same sequences: only the layer that runs needs its weights. The hidden states
 * between layers are in JavaScript's memory.
 */
export class LayerRunner {
  readonly #model: DecoderModel;
  readonly #batches: readonly (readonly (readonly number[])[])[];
  /** Inputs of the next layer, of each batch; empty before the first one. */
  #hidden: Float32Array[] = [];

  /** @param batches token ids, `[batch][row][token]`; rows of a batch have one length */
  constructor(model: DecoderModel, batches: readonly (readonly (readonly number[])[])[]) {
    this.#model = model;
    this.#batches = batches;
  }

  /** Runs a layer on all batches, and drops its outputs. */
  async observe(index: number): Promise<void> {
    for (const batch of this.#batches.keys()) (await this.#run(index, batch)).dispose();
  }

  /** Runs a layer on all batches, and makes its outputs the inputs of the next one. */
  async advance(index: number): Promise<void> {
    const outputs: Float32Array[] = [];
    for (const batch of this.#batches.keys()) {
      const output = await this.#run(index, batch);
      outputs.push((await output.data()) as Float32Array);
      output.dispose();
    }
    this.#hidden = outputs;
  }

  /** Runs the model with layers that pass their input on, all but one, whose output is returned. */
  async #run(index: number, batch: number): Promise<Tensor3D> {
    const { layers } = this.#model;
    const before = layers.map(({ wrapForward }) => wrapForward);
    const stored = this.#hidden[batch];
    let output: Tensor | undefined;
    for (const [i, layer] of layers.entries())
      layer.wrapForward = (x, context, forward) => {
        if (i !== index) return x;
        const input = stored ? tensor3d(stored, x.shape) : x;
        const wrapped = before[i];
        output = keep((wrapped ? wrapped(input, context, forward) : forward(input)).clone());
        return x;
      };
    try {
      const { lastHiddenState } = this.#model.forward({
        inputIds: this.#batches[batch]!.map((row) => [...row]),
        outputRouterLogits: false,
      });
      lastHiddenState.dispose();
    } finally {
      for (const [i, layer] of layers.entries()) layer.wrapForward = before[i]!;
    }
    return output as Tensor3D;
  }
}
